// What the compile command was asked to do.
#pragma once

#include "ir/Diagnostic.h"
#include "ir/Type.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace edgecc::driver {

enum class Emit : uint8_t { Blob, Object, Library, Assembly, Llvm, Ir, Onnx };

struct CompileOptions {
  std::filesystem::path input;
  std::filesystem::path output;
  Emit emit = Emit::Blob;
  std::vector<std::string> shapes;  // "NAME=1x3x224x224", or "SYMBOL=4"
  std::filesystem::path shapesFrom; // folder with input_J.pb
  std::vector<std::string> freeze;  // "NAME=file.npy"
  std::string target = "native";
  std::string cpu;                      // empty: the target's default
  std::string passes;                   // replaces the pipeline; empty: the whole pipeline
  std::vector<std::string> plugins;     // --load-pass
  std::vector<std::string> printAfter;  // pass names, or "all"
  std::vector<std::string> imageInputs; // options of the pass image-input, one run each
  bool timePasses = false;
  bool verifyEach = false;
  bool quiet = false;
  unsigned threads = 0; // 0: all cores
  std::string symbol;   // prefix of the object form's symbols; empty: from the output's name
};

// "name=1x3x224x224" -> {name, dims}; "batch=4" -> {batch, {4}}.
Expected<std::pair<std::string, Dims>> parseShape(const std::string &text);

// "name=value"
Expected<std::pair<std::string, std::string>> parseAssignment(const std::string &text,
                                                              const std::string &option);

} // namespace edgecc::driver
