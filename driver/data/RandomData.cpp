#include "driver/data/RandomData.h"

#include "driver/data/Pixels.h"

#include <charconv>
#include <random>

namespace edgecc::driver {

namespace {

constexpr uint32_t kMaxSamples = 1 << 20;

std::optional<uint32_t> parseNumber(std::string_view text) {
  uint32_t value = 0;
  auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

// [0, 1), the same on every platform.
double uniform(std::mt19937 &generator) { return generator() * 0x1p-32; }

double anyOf(DType dtype, std::mt19937 &generator) {
  if (isFloat(dtype))
    return uniform(generator) * 2 - 1;
  if (bitWidth(dtype) == 8 && dtype != DType::Bool)
    return static_cast<double>(generator() % 256) - (dtype == DType::I8 ? 128 : 0);
  return generator() % 2;
}

Tensor noise(const Type &type, std::mt19937 &generator) {
  Tensor tensor(type.dtype, type.dims);
  for (int64_t i = 0; i < tensor.elements(); ++i)
    tensor.setDouble(i, anyOf(type.dtype, generator));
  return tensor;
}

Expected<Tensor> noisyPicture(const Type &type, const ImageOptions &options,
                              std::mt19937 &generator) {
  bool channelsLast = options.layout == ImageLayout::NHWC;
  size_t row = type.rank() - 3 + (channelsLast ? 0 : 1);
  Image image{static_cast<int>(type.dims[row + 1]),
              static_cast<int>(type.dims[row]),
              options.order == ChannelOrder::Gray ? 1 : 3,
              {}};
  image.pixels.resize(size_t(image.width) * image.height * image.channels);
  for (uint8_t &pixel : image.pixels)
    pixel = static_cast<uint8_t>(generator() % 256);
  return imageToTensor(image, type, options);
}

} // namespace

Expected<std::unique_ptr<RandomData>> RandomData::open(std::string_view source,
                                                       const Function &function,
                                                       const CalibrationDataOptions &options) {
  std::string_view rest = source.substr(kRandomPrefix.size());
  size_t colon = rest.find(':');
  auto count = parseNumber(rest.substr(0, colon));
  auto seed = colon == std::string_view::npos ? std::optional<uint32_t>(0)
                                              : parseNumber(rest.substr(colon + 1));
  if (!count || !seed || *count == 0 || *count > kMaxSamples)
    return error("'" + std::string(source) + "' is not a source of noise", "",
                 "write random:COUNT or random:COUNT:SEED, with a COUNT of 1 to " +
                     std::to_string(kMaxSamples));
  auto data = std::make_unique<RandomData>();
  data->seed_ = *seed;
  for (unsigned i = 0; i < function.body.numArguments(); ++i) {
    Input input{function.body.argument(i)->type, {}, false};
    const Preprocessing &pixels = function.inputs[i].preprocessing;
    input.isPicture = !pixels.layout.empty() && canHoldPicture(input.type, pixels.layout);
    input.image = apply(options.image, imageOptionsOf(pixels, input.type));
    data->inputs_.push_back(std::move(input));
  }
  data->choose(*count, options);
  data->warnings_.push_back(
      "noise is not what the model will see: do not trust ranges chosen from it");
  return data;
}

Expected<std::vector<Tensor>> RandomData::sample(size_t index) {
  std::seed_seq seeds{seed_, static_cast<uint32_t>(positionOf(index))};
  std::mt19937 generator(seeds);
  std::vector<Tensor> tensors;
  for (const Input &input : inputs_) {
    if (!input.isPicture) {
      tensors.push_back(noise(input.type, generator));
      continue;
    }
    EDGECC_TRY(tensor, noisyPicture(input.type, input.image, generator));
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

std::string RandomData::nameOf(size_t index) const {
  return std::string(kRandomPrefix) + std::to_string(positionOf(index));
}

} // namespace edgecc::driver
