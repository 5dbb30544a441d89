// ONNX TensorProto files, as in ONNX's test data folders (input_0.pb, output_0.pb).
#pragma once

#include "ir/Diagnostic.h"
#include "ir/Tensor.h"

#include <filesystem>
#include <map>
#include <span>
#include <string>

namespace edgecc {

struct NamedTensor {
  std::string name; // may be empty
  Tensor tensor;
};

// External data is refused: such files are self-contained.
Expected<NamedTensor> parseTensorPb(std::span<const std::byte> bytes, const std::string &source);
Expected<NamedTensor> readTensorPb(const std::filesystem::path &path);
Expected<void> writeTensorPb(const std::filesystem::path &path, const std::string &name,
                             const Tensor &tensor);

// folder/input_0.pb, input_1.pb, ... (prefix "input") as far as they exist without a gap, keyed by
// J. A file that holds a sequence or an optional value is an error.
Expected<std::vector<NamedTensor>> readTestData(const std::filesystem::path &folder,
                                                const std::string &prefix);

} // namespace edgecc
