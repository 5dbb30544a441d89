// From a module to native code that runs in this process: the compiler's pipeline, the blob and the
// runtime as users have them, without files.
#pragma once

#include "edgecc/runtime.h"
#include "ir/Executor.h"

#include <memory>
#include <string>

namespace edgecc::test {

struct NativeOptions {
  std::string cpu = "host"; // as for --cpu; a level that this machine cannot run fails to load
  unsigned threads = 1;     // of the run
  unsigned compileThreads = 1;
  std::string passes; // as for --passes; empty: the compiler's pipeline
  bool verifyEach = true;
};

// Lowers a copy of the module and generates code for its first function: the blob's bytes.
Expected<std::string> compileToBlob(const Module &module, const NativeOptions &options = {});

// A loaded blob with one context. Not for use by several threads at once.
class LoadedBlob {
public:
  static Expected<LoadedBlob> load(std::string bytes, unsigned threads);

  // Inputs must have exactly the model's types; outputs are copies with their actual extents.
  Expected<std::vector<Tensor>> run(std::span<const Tensor> inputs);

  // The same step by step. The tensor must stay alive until the run.
  Expected<void> setInput(uint32_t index, const Tensor &tensor);
  Expected<void> run();
  Tensor output(uint32_t index) const;
  Type inputType(uint32_t index) const;
  Type outputType(uint32_t index) const;

  edgecc_model *model() const { return model_.get(); }
  edgecc_context *context() const { return context_.get(); }

private:
  struct Release {
    void operator()(edgecc_model *model) const { edgecc_model_destroy(model); }
    void operator()(edgecc_context *context) const { edgecc_context_destroy(context); }
  };
  std::unique_ptr<const std::string> bytes_; // where the weights are read from
  std::unique_ptr<edgecc_model, Release> model_;
  std::unique_ptr<edgecc_context, Release> context_; // before model_ in destruction
};

// Compiles, loads and runs once.
Expected<std::vector<Tensor>> runNative(const Module &module, std::span<const Tensor> inputs,
                                        const NativeOptions &options = {});

// A module of its own with a copy of `function` as its first function; parameter bytes are shared.
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
