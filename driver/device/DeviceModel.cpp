#include "driver/device/DeviceModel.h"

#include "frontend/io/MappedFile.h"

namespace edgecc::driver {

namespace {

ImageOptions imageOptionsOf(const blob::Preprocessing *p) {
  ImageOptions options;
  if (!p)
    return options;
  std::string order(blob::textOf(p->channel_order()));
  if (std::string_view(blob::textOf(p->layout())) == "NHWC")
    options.layout = ImageLayout::NHWC;
  if (order == "BGR")
    options.order = ChannelOrder::BGR;
  if (order == "GRAY")
    options.order = ChannelOrder::Gray;
  if (!p->compiled_in()) {
    if (p->mean())
      options.mean.assign(p->mean()->begin(), p->mean()->end());
    if (p->scale())
      options.scale.assign(p->scale()->begin(), p->scale()->end());
  }
  return options;
}

std::optional<RunnableModel::Port> portOf(const blob::Tensor &tensor) {
  std::string name = blob::EnumNameElementType(tensor.type());
  for (char &c : name)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  auto dtype = dtypeFromName(name);
  if (!dtype)
    return std::nullopt;
  RunnableModel::Port port;
  port.name = tensor.name()->str();
  port.type.dtype = *dtype;
  if (tensor.dims())
    port.type.dims.assign(tensor.dims()->begin(), tensor.dims()->end());
  port.image = imageOptionsOf(tensor.preprocessing());
  return port;
}

} // namespace

bool isDeviceBlob(const std::filesystem::path &path) {
  auto file = MappedFile::open(path);
  if (!file)
    return false;
  blob::BlobView view;
  const auto *data = reinterpret_cast<const uint8_t *>((*file)->bytes().data());
  return blob::BlobView::parse(data, (*file)->bytes().size(), (*file)->bytes().size(), &view)
             .ok() &&
         view.metadata().device();
}

Expected<std::unique_ptr<DeviceModel>> DeviceModel::load(const std::filesystem::path &path) {
  EDGECC_TRY(file, MappedFile::open(path));
  auto blob = emulator::DeviceBlob::load(file->bytes());
  if (!blob)
    return error(blob.error().message, path.string());
  auto model = std::make_unique<DeviceModel>();
  model->path_ = path.string();
  model->blob_ = std::move(*blob);
  const blob::BlobView &view = model->blob_->view();
  auto addPorts = [&](std::vector<Port> &ports, uint32_t count, auto tensorAt) {
    for (uint32_t i = 0; i < count; ++i)
      if (auto port = portOf(tensorAt(i)))
        ports.push_back(std::move(*port));
    return ports.size() == count;
  };
  if (!addPorts(model->inputs_, view.inputCount(),
                [&](uint32_t i) -> auto & { return view.input(i); }) ||
      !addPorts(model->outputs_, view.outputCount(),
                [&](uint32_t i) -> auto & { return view.output(i); }))
    return error("an input or output has a type that this version does not know", path.string());
  model->held_.resize(model->inputs_.size());
  return model;
}

Expected<void> DeviceModel::run() {
  results_.clear();
  for (const Port &port : outputs_)
    results_.emplace_back(port.type.dtype, port.type.dims);
  std::vector<std::span<const std::byte>> inputs;
  std::vector<std::span<std::byte>> outputs;
  for (const Tensor &tensor : held_)
    inputs.emplace_back(tensor.raw(), tensor.bytes());
  for (Tensor &tensor : results_)
    outputs.emplace_back(tensor.mutableRaw(), tensor.bytes());
  auto report = blob_->run(inputs, outputs);
  if (!report)
    return error(report.error().message, path_);
  report_ = std::move(*report);
  return {};
}

} // namespace edgecc::driver
