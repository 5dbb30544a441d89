// What a model file says about itself, without importing it.
#pragma once

#include "ir/Diagnostic.h"
#include "ir/Type.h"

#include <filesystem>
#include <map>

namespace edgecc {

struct ValueSummary {
  std::string name;
  std::string dtype;             // "f32", or ONNX's name of a type that the IR does not have
  std::vector<std::string> dims; // numbers, names of symbolic dimensions, or "?"
};

struct ModelInfo {
  int64_t irVersion = 0;
  std::string producer;
  std::vector<std::pair<std::string, int64_t>> opsets; // domain ("" is ONNX's own), version
  std::vector<ValueSummary> inputs;                    // without those that are initialisers
  std::vector<ValueSummary> outputs;
  std::map<std::string, int64_t> nodes; // op type -> count, in the main graph
  int64_t initializers = 0;
  int64_t functions = 0;
};

Expected<ModelInfo> readModelInfo(const std::filesystem::path &path);

} // namespace edgecc
