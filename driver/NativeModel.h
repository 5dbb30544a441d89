// From a module to native code that runs in this process: the compiler's pipeline, the blob and the
// runtime as users have them, without files.
#pragma once

#include "edgecc/runtime.h"
#include "ir/Executor.h"

#include <memory>
#include <string>

namespace edgecc::native {
class ObjectCache;
}

namespace edgecc::driver {

struct NativeOptions {
  std::string cpu = "host"; // as for --cpu; a level that this machine cannot run fails to load
  unsigned threads = 1;     // of the run
  unsigned compileThreads = 1;
  std::string passes; // as for --passes; empty: the compiler's pipeline
  bool verifyEach = true;
  bool exact = false;                         // as for --exact
  std::shared_ptr<native::ObjectCache> cache; // of code for this CPU, or null
};

// Lowers the module and generates code for its first function: the blob's bytes. Folds constants
// with the reference backend.
Expected<std::string> compileToBlob(std::unique_ptr<Module> module, const NativeOptions &options);

// A loaded blob with one context. Not for use by several threads at once.
class LoadedBlob {
public:
  static Expected<LoadedBlob> load(std::string bytes, unsigned threads);

  // Inputs must have exactly the model's types; outputs are copies with their actual extents.
  Expected<std::vector<Tensor>> run(std::span<const Tensor> inputs);

  // The same step by step. The tensors must stay alive until the run.
  Expected<void> setInput(uint32_t index, const Tensor &tensor);
  Expected<void> setInputs(std::span<const Tensor> inputs);
  Expected<void> run();

  // An output of the last run with its actual extents: its bytes, or a view that later runs
  // overwrite and that `owner`, which must own this object, keeps alive.
  Tensor output(uint32_t index) const;
  Tensor outputView(uint32_t index, std::shared_ptr<const void> owner) const;

  uint32_t numInputs() const { return edgecc_model_input_count(model_.get()); }
  uint32_t numOutputs() const { return edgecc_model_output_count(model_.get()); }
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

} // namespace edgecc::driver
