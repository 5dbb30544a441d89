// Models that the commands can run: blobs through the runtime's C API, and ONNX or text IR files on
// the reference backend.
#pragma once

#include "driver/Load.h"
#include "edgecc/runtime.h"
#include "frontend/io/Image.h"
#include "ir/Diagnostic.h"
#include "ir/Tensor.h"

#include <filesystem>
#include <memory>

namespace edgecc::driver {

// How pixels become an input, from what a blob says of it. What is compiled in, the model does
// itself.
ImageOptions imageOptionsOf(std::string_view layout, std::string_view order, bool compiledIn,
                            std::span<const float> mean, std::span<const float> scale);

// The element type that the runtime calls so.
DType dtypeOf(edgecc_type type);

// Not for use by several threads at once.
class RunnableModel {
public:
  struct Port {
    std::string name;
    Type type;          // bounded axes where the extents depend on data
    ImageOptions image; // how pixels become this input
  };

  virtual ~RunnableModel() = default;
  const std::vector<Port> &inputs() const { return inputs_; }
  const std::vector<Port> &outputs() const { return outputs_; }
  int findInput(const std::string &name) const; // -1 if there is none

  // The tensor must have the input's type; it stays alive through this object.
  Expected<void> setInput(unsigned index, Tensor tensor);
  virtual Expected<void> run() = 0;
  // The output of the last run, with its actual extents.
  virtual Tensor output(unsigned index) const = 0;

protected:
  std::string path_;
  std::vector<Port> inputs_, outputs_;
  std::vector<Tensor> held_; // the inputs' data
};

// A loaded blob with one context.
class RuntimeModel : public RunnableModel {
public:
  // Without `pool` the model has threads of its own.
  static Expected<RuntimeModel> load(const std::filesystem::path &path, unsigned threads,
                                     const edgecc_thread_pool *pool = nullptr);

  Expected<void> run() override;
  Tensor output(unsigned index) const override;

  edgecc_model *model() const { return model_.get(); }
  edgecc_context *context() const { return context_.get(); }

private:
  struct Release {
    void operator()(edgecc_model *model) const { edgecc_model_destroy(model); }
    void operator()(edgecc_context *context) const { edgecc_context_destroy(context); }
  };
  std::unique_ptr<edgecc_model, Release> model_;
  std::unique_ptr<edgecc_context, Release> context_; // before model_ in destruction
};

// An ONNX or text IR file on the reference backend: slow, and the meaning of every op.
class ReferenceModel : public RunnableModel {
public:
  static Expected<std::unique_ptr<ReferenceModel>> load(const std::filesystem::path &path,
                                                        const LoadOptions &options);
  Expected<void> run() override;
  Tensor output(unsigned index) const override { return results_.at(index); }

private:
  std::unique_ptr<Module> module_;
  std::vector<Tensor> results_;
};

// Reads a .npy, .pb, .png, .jpg or .jpeg file as a tensor of `type`.
Expected<Tensor> readInput(const std::filesystem::path &path, const Type &type,
                           const ImageOptions &image);

} // namespace edgecc::driver
