#include "driver/device/DeviceModel.h"

#include "frontend/io/MappedFile.h"

namespace edgecc::driver {

namespace {

std::span<const float> numbersOf(const flatbuffers::Vector<float> *values) {
  return values ? std::span(values->data(), values->size()) : std::span<const float>();
}

// The reader has checked the type.
RunnableModel::Port portOf(const blob::Tensor &tensor) {
  RunnableModel::Port port;
  port.name = tensor.name()->str();
  port.type.dtype = dtypeOf(static_cast<edgecc_type>(tensor.type()));
  if (tensor.dims())
    port.type.dims.assign(tensor.dims()->begin(), tensor.dims()->end());
  if (const blob::Preprocessing *p = tensor.preprocessing())
    port.image = imageOptionsOf(blob::textOf(p->layout()), blob::textOf(p->channel_order()),
                                p->compiled_in(), numbersOf(p->mean()), numbersOf(p->scale()));
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
  for (uint32_t i = 0; i < view.inputCount(); ++i)
    model->inputs_.push_back(portOf(view.input(i)));
  for (uint32_t i = 0; i < view.outputCount(); ++i)
    model->outputs_.push_back(portOf(view.output(i)));
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
