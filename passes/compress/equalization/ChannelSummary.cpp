#include "passes/compress/equalization/ChannelSummary.h"

#include "passes/compress/Compression.h"
#include "passes/compress/calibration/ChannelStatistics.h"

#include <cmath>

namespace edgecc {

namespace {

struct Sums {
  double low = INFINITY, high = -INFINITY, sum = 0, squares = 0;
};

Tensor asFloats(const Tensor &tensor) {
  if (tensor.dtype() == DType::F32)
    return tensor;
  Tensor out(DType::F32, tensor.dims());
  for (int64_t i = 0; i < tensor.elements(); ++i)
    out.setDouble(i, tensor.asDouble(i));
  return out;
}

// Returns how many elements each channel has.
int64_t add(const Tensor &tensor, unsigned axis, std::vector<Sums> &sums) {
  const Dims &dims = tensor.dims();
  ChannelShape shape;
  shape.channels = dims[axis];
  shape.outer = numElements(Dims(dims.begin(), dims.begin() + axis));
  shape.inner = numElements(Dims(dims.begin() + axis + 1, dims.end()));
  ChannelStatistics seen = channelStatistics(asFloats(tensor).data<float>(), shape);
  sums.resize(seen.low.size());
  for (size_t c = 0; c < sums.size(); ++c) {
    sums[c].low = std::min(sums[c].low, double{seen.low[c]});
    sums[c].high = std::max(sums[c].high, double{seen.high[c]});
    sums[c].sum += seen.sum[c];
    sums[c].squares += seen.squares[c];
  }
  return shape.outer * shape.inner;
}

} // namespace

Expected<std::vector<std::vector<ChannelSummary>>>
summarizeChannels(const Module &module, PassContext &context, std::span<const ChannelsOf> values,
                  int64_t samples) {
  if (!context.executor || !context.compression || !context.compression->data ||
      context.compression->data->size() == 0)
    return error("this needs calibration data; name a folder with --calibrate");
  DataSource &data = *context.compression->data;
  std::vector<const Value *> wanted;
  for (const ChannelsOf &each : values)
    wanted.push_back(each.value);
  EDGECC_TRY(session, context.executor->prepare(module.main(), wanted));
  std::vector<std::vector<Sums>> sums(values.size());
  std::vector<int64_t> elements(values.size(), 0);
  size_t count = std::min(data.size(), static_cast<size_t>(std::max<int64_t>(samples, 1)));
  for (size_t s = 0; s < count; ++s) {
    EDGECC_TRY(inputs, data.sample(s));
    EDGECC_TRY(tensors, session->run(inputs));
    for (size_t i = 0; i < tensors.size(); ++i)
      elements[i] += add(tensors[i], values[i].axis, sums[i]);
    if (context.progress)
      context.progress(s + 1, count);
  }
  std::vector<std::vector<ChannelSummary>> out(values.size());
  for (size_t i = 0; i < values.size(); ++i)
    for (const Sums &channel : sums[i]) {
      double n = static_cast<double>(std::max<int64_t>(elements[i], 1)), mean = channel.sum / n;
      out[i].push_back({channel.low, channel.high, mean,
                        std::sqrt(std::max(0.0, channel.squares / n - mean * mean))});
    }
  return out;
}

} // namespace edgecc
