// From a file to a module, whatever the file is.
#pragma once

#include "ir/Executor.h"

#include <filesystem>

namespace edgecc::driver {

enum class FileKind : uint8_t { Onnx, Text, Blob };

// By content: a blob's magic, text that begins a module, else ONNX.
Expected<FileKind> detectFile(const std::filesystem::path &path);

struct LoadOptions {
  std::vector<std::string> shapes;  // "NAME=1x3x224x224" or "SYMBOL=4"
  std::filesystem::path shapesFrom; // folder with input_J.pb
  std::vector<std::string> freeze;  // "NAME=FILE"
};

// Imports ONNX (folding constants with the reference backend) or parses text IR.
Expected<std::unique_ptr<Module>> loadModule(const std::filesystem::path &path,
                                             const LoadOptions &options);

} // namespace edgecc::driver
