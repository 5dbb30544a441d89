// Modules as native code in this process, for tests.
#pragma once

#include "driver/NativeModel.h"

namespace edgecc::test {

using driver::LoadedBlob;
using driver::NativeOptions;

// Lowers a copy of the module and generates code for its first function: the blob's bytes.
Expected<std::string> compileToBlob(const Module &module, const NativeOptions &options = {});

// Compiles, loads and runs once.
Expected<std::vector<Tensor>> runNative(const Module &module, std::span<const Tensor> inputs,
                                        const NativeOptions &options = {});

// A module of its own that computes what `function` yields; parameter bytes are shared.
std::unique_ptr<Module> isolate(const Function &function);

// The native backend as an Executor: compiles anew at each call. Intermediate values do not exist
// in compiled code, so an observer sees the outputs only.
class NativeExecutor : public Executor {
public:
  explicit NativeExecutor(NativeOptions options = {}) : options_(std::move(options)) {}

  Expected<std::vector<Tensor>> run(const Function &function, std::span<const Tensor> inputs,
                                    const Observer &observer = {}) override;
  // Operands that a Param defines are constants of the compiled function, the others its inputs.
  Expected<std::vector<Tensor>> evaluate(const Op &op, std::span<const Tensor> operands) override;

private:
  NativeOptions options_;
};

} // namespace edgecc::test
