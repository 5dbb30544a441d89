// ONNX Runtime as a second opinion, where it is installed (npm install in bench/).
#pragma once

#include "ir/Diagnostic.h"
#include "ir/Tensor.h"

#include <filesystem>
#include <span>
#include <string>

namespace edgecc::test {

// Why it cannot be asked, or nothing.
std::string whyNoOnnxRuntime();

// Its outputs for a model, computed node by node in a process of its own. `folder` is for the files
// that go back and forth.
Expected<std::vector<Tensor>> runOnnxRuntime(const std::filesystem::path &model,
                                             std::span<const Tensor> inputs,
                                             const std::filesystem::path &folder);

} // namespace edgecc::test
