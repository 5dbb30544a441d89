#include "driver/RuntimeModel.h"

#include "backends/reference/ReferenceExecutor.h"
#include "frontend/io/Npy.h"
#include "frontend/io/TensorPb.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>

namespace edgecc::driver {

DType dtypeOf(edgecc_type type) {
  auto dtype = dtypeFromName(edgecc_type_name(type));
  assert(dtype && "the runtime and the compiler share the names of element types");
  return *dtype;
}

ImageOptions imageOptionsOf(std::string_view layout, std::string_view order, bool compiledIn,
                            std::span<const float> mean, std::span<const float> scale) {
  ImageOptions options;
  options.layout = layout == "NHWC" ? ImageLayout::NHWC : ImageLayout::NCHW;
  if (order == "BGR")
    options.order = ChannelOrder::BGR;
  if (order == "GRAY")
    options.order = ChannelOrder::Gray;
  if (!compiledIn) {
    options.mean.assign(mean.begin(), mean.end());
    options.scale.assign(scale.begin(), scale.end());
  }
  return options;
}

static RuntimeModel::Port portOf(const edgecc_tensor_info &info) {
  RuntimeModel::Port port;
  port.name = info.name;
  port.type.dtype = dtypeOf(info.type);
  port.type.dims.assign(info.dims, info.dims + info.rank);
  port.type.boundedAxes = info.dynamic ? (1u << info.rank) - 1 : 0;
  const edgecc_preprocessing &p = info.preprocessing;
  port.image = imageOptionsOf(p.layout, p.channel_order, p.compiled_in, {p.mean, p.mean_count},
                              {p.scale, p.scale_count});
  return port;
}

Expected<RuntimeModel> RuntimeModel::load(const std::filesystem::path &path, unsigned threads,
                                          const edgecc_thread_pool *pool) {
  RuntimeModel out;
  out.path_ = path.string();
  edgecc_error detail{};
  edgecc_model *model = nullptr;
  if (edgecc_model_load_file(out.path_.c_str(), nullptr, &model, &detail) != EDGECC_OK)
    return error(detail.text, out.path_);
  out.model_.reset(model);
  edgecc_context_options options{};
  options.struct_size = sizeof options;
  options.num_threads = threads;
  options.thread_pool = pool;
  edgecc_context *context = nullptr;
  if (edgecc_context_create(model, &options, &context, &detail) != EDGECC_OK)
    return error(detail.text, out.path_);
  out.context_.reset(context);
  edgecc_tensor_info info{};
  for (uint32_t i = 0; i < edgecc_model_input_count(model); ++i) {
    edgecc_model_input(model, i, &info, sizeof info);
    out.inputs_.push_back(portOf(info));
  }
  for (uint32_t i = 0; i < edgecc_model_output_count(model); ++i) {
    edgecc_model_output(model, i, &info, sizeof info);
    out.outputs_.push_back(portOf(info));
  }
  out.held_.resize(out.inputs_.size());
  return out;
}

int RunnableModel::findInput(const std::string &name) const {
  for (size_t i = 0; i < inputs_.size(); ++i)
    if (inputs_[i].name == name)
      return static_cast<int>(i);
  return -1;
}

Expected<void> RunnableModel::setInput(unsigned index, Tensor tensor) {
  const Port &port = inputs_.at(index);
  if (!sameLogicalType(tensor.type(), port.type))
    return error(fmt::format("input '{}' is {}, but the data is {}", port.name, port.type.str(),
                             tensor.type().str()),
                 path_, "recompile with --shape, or convert the data");
  held_[index] = std::move(tensor);
  return {};
}

Expected<void> RuntimeModel::run() {
  for (unsigned i = 0; i < held_.size(); ++i)
    if (edgecc_context_set_input(context_.get(), i, held_[i].raw(), nullptr) != EDGECC_OK)
      return error(edgecc_context_error(context_.get()), path_);
  if (edgecc_context_run(context_.get()) != EDGECC_OK)
    return error(edgecc_context_error(context_.get()), path_);
  return {};
}

Tensor RuntimeModel::output(unsigned index) const {
  const Port &port = outputs_.at(index);
  Dims dims(port.type.rank());
  edgecc_context_output_dims(context_.get(), index, dims.data());
  Tensor tensor(port.type.dtype, dims);
  if (tensor.bytes() > 0)
    std::memcpy(tensor.mutableRaw(), edgecc_context_output(context_.get(), index), tensor.bytes());
  return tensor;
}

Expected<std::unique_ptr<ReferenceModel>> ReferenceModel::load(const std::filesystem::path &path,
                                                               const LoadOptions &options) {
  auto out = std::make_unique<ReferenceModel>();
  out->path_ = path.string();
  EDGECC_TRY(module, loadModule(path, options));
  out->module_ = std::move(module);
  const Function &function = out->module_->main();
  for (unsigned i = 0; i < function.inputs.size(); ++i)
    out->inputs_.push_back({function.inputs[i].name, function.body.argument(i)->type, {}});
  for (unsigned i = 0; i < function.outputs.size(); ++i)
    out->outputs_.push_back({function.outputs[i].name, function.body.yields()[i]->type, {}});
  out->held_.resize(out->inputs_.size());
  return out;
}

Expected<void> ReferenceModel::run() {
  ReferenceExecutor executor;
  EDGECC_TRY(results, executor.run(module_->main(), held_));
  results_ = std::move(results);
  return {};
}

Expected<Tensor> readInput(const std::filesystem::path &path, const Type &type,
                           const ImageOptions &image) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (extension == ".npy")
    return readNpy(path);
  if (extension == ".pb") {
    EDGECC_TRY(named, readTensorPb(path));
    return named.tensor;
  }
  if (extension == ".png" || extension == ".jpg" || extension == ".jpeg")
    return readImageTensor(path, type, image);
  return error("cannot tell the format of '" + path.string() + "'", "--input",
               "use a .npy, .pb, .png or .jpg file");
}

} // namespace edgecc::driver
