// ONNX -> IR.
#pragma once

#include "ir/Executor.h"

#include <filesystem>
#include <map>
#include <set>

namespace edgecc {

struct ImportOptions {
  // Dims by input name ("--shape NAME=1x3x224x224"). They also bind the symbolic dimensions that
  // the named input mentions, for all inputs.
  std::map<std::string, Dims> inputShapes;
  // Extents by the name of a symbolic dimension.
  std::map<std::string, int64_t> symbols;
  // Inputs that become constants of the compiled model.
  std::map<std::string, Tensor> frozenInputs;
  // If not null, receives the names of the inputs whose values some node needed at compile time:
  // an import that fails for want of them succeeds when they are frozen.
  std::set<std::string> *neededInputs = nullptr;
  // If not null, receives what the user should know about a module that was imported. A branch of
  // an If that cannot run with the given shapes is then replaced by one that yields NaN; without
  // it, such a model is refused.
  Diagnostics *warnings = nullptr;
  // Computes ops whose operands are all constant; null: none is, and models that compute shapes are
  // refused.
  Executor *folder = nullptr;
  // Results with more elements than this are left to run time.
  int64_t foldLimit = int64_t{1} << 20;
};

// Reads a model of opset 7 to 28. The module has one function, "main", with static shapes; every
// spelling that an op had in some opset becomes the one form of ir/Ops.def. All nodes that cannot
// be imported are listed in one Diagnostic. Large weights stay mapped from the file, which must
// therefore not change while the module lives.
Expected<std::unique_ptr<Module>> importOnnxFile(const std::filesystem::path &path,
                                                 const ImportOptions &options = {});

// The same from memory, which `owner` keeps alive; external data is refused.
Expected<std::unique_ptr<Module>> importOnnx(std::span<const std::byte> bytes,
                                             std::shared_ptr<const void> owner,
                                             const ImportOptions &options = {});

// "Conv", "com.microsoft.QLinearAdd"...: the op types that have an importer, sorted.
std::vector<std::string> importableOps();

} // namespace edgecc
