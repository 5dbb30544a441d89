// The runtime's C API as the commands use it: loaded blobs and contexts on compiler tensors.
#pragma once

#include "edgecc/runtime.h"
#include "frontend/io/Image.h"
#include "ir/Diagnostic.h"
#include "ir/Tensor.h"

#include <filesystem>
#include <memory>

namespace edgecc::driver {

// A loaded blob with one context. Not for use by several threads at once.
class RuntimeModel {
public:
  static Expected<RuntimeModel> load(const std::filesystem::path &path, unsigned threads);

  struct Port {
    std::string name;
    Type type; // bounded axes where the extents depend on data
    edgecc_preprocessing preprocessing;
  };
  const std::vector<Port> &inputs() const { return inputs_; }
  const std::vector<Port> &outputs() const { return outputs_; }
  int findInput(const std::string &name) const; // -1 if there is none

  // The tensor must have the input's type and stays alive through this object.
  Expected<void> setInput(unsigned index, Tensor tensor);
  Expected<void> run();
  // A copy with the actual extents.
  Tensor output(unsigned index) const;

  edgecc_model *model() const { return model_.get(); }
  edgecc_context *context() const { return context_.get(); }

private:
  struct Release {
    void operator()(edgecc_model *model) const { edgecc_model_destroy(model); }
    void operator()(edgecc_context *context) const { edgecc_context_destroy(context); }
  };
  std::string path_;
  std::unique_ptr<edgecc_model, Release> model_;
  std::unique_ptr<edgecc_context, Release> context_; // before model_ in destruction
  std::vector<Port> inputs_, outputs_;
  std::vector<Tensor> held_;
};

// How pixels become this input, from what the blob says of it.
ImageOptions imageOptionsOf(const edgecc_preprocessing &preprocessing);

// Reads a .npy, .pb, .png, .jpg or .jpeg file as a tensor of `type`.
Expected<Tensor> readInput(const std::filesystem::path &path, const Type &type,
                           const ImageOptions &image);

} // namespace edgecc::driver
