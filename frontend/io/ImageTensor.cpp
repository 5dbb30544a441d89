// Conversion between pictures and tensors.
#include "frontend/io/Image.h"

#include "runtime/numerics/Float16.h"
#include "runtime/numerics/Rounding.h"

#include <algorithm>
#include <cmath>

namespace edgecc {
namespace {

// Extents and element strides of a picture inside a tensor.
struct Extents {
  int64_t channels, height, width;
  int64_t channelStride, rowStride, columnStride;
};

Expected<Extents> extentsOf(const Type &type, const ImageOptions &options) {
  size_t rank = type.dims.size();
  if ((rank != 4 && rank != 3) || (rank == 4 && type.dims[0] != 1))
    return error("a picture cannot fill a tensor of type " + type.str(), {},
                 "the input must be 1xCxHxW, 1xHxWxC or without the leading 1");
  const int64_t *d = type.dims.data() + (rank - 3);
  Extents e{};
  if (options.layout == ImageLayout::NCHW)
    e = {d[0], d[1], d[2], d[1] * d[2], d[2], 1};
  else
    e = {d[2], d[0], d[1], 1, d[1] * d[2], d[2]};
  int64_t wanted = options.order == ChannelOrder::Gray ? 1 : 3;
  if (e.channels != wanted)
    return error("the tensor " + type.str() + " has " + std::to_string(e.channels) +
                     " channels in the given layout, the picture has " + std::to_string(wanted),
                 {}, "choose another layout (NCHW, NHWC) or channel order (RGB, BGR, GRAY)");
  constexpr int64_t kMaxSide = 1 << 16;
  if (e.height < 1 || e.width < 1 || e.height > kMaxSide || e.width > kMaxSide)
    return error("a picture cannot fill a tensor of type " + type.str());
  return e;
}

Expected<double> channelValue(const std::vector<double> &values, int64_t channel, double absent) {
  if (values.empty())
    return absent;
  if (values.size() == 1)
    return values[0];
  if (static_cast<size_t>(channel) >= values.size())
    return error("mean and scale need one value, or one for each channel");
  return values[static_cast<size_t>(channel)];
}

Image fitTo(const Image &image, int width, int height, const ImageOptions &options) {
  if (options.fit == ImageFit::Stretch)
    return resize(image, width, height);
  double factor = std::min(static_cast<double>(width) / image.width,
                           static_cast<double>(height) / image.height);
  int innerWidth = std::clamp(static_cast<int>(std::lround(image.width * factor)), 1, width);
  int innerHeight = std::clamp(static_cast<int>(std::lround(image.height * factor)), 1, height);
  Image inner = resize(image, innerWidth, innerHeight);
  Image out{width, height, image.channels, {}};
  out.pixels.assign(size_t(width) * height * image.channels, options.fill);
  for (int y = 0; y < innerHeight; ++y)
    std::copy_n(inner.at(0, y), size_t(innerWidth) * image.channels, out.at(0, y));
  return out;
}

bool store(Tensor &tensor, int64_t index, double value) {
  auto i = static_cast<size_t>(index);
  switch (tensor.dtype()) {
  case DType::F32:
    tensor.mutableData<float>()[i] = static_cast<float>(value);
    return true;
  case DType::F16:
    tensor.mutableData<uint16_t>()[i] = numerics::f64ToF16(value);
    return true;
  case DType::U8:
    tensor.mutableData<uint8_t>()[i] =
        static_cast<uint8_t>(std::clamp(numerics::roundNearestEven(value), 0.0, 255.0));
    return true;
  case DType::I8:
    tensor.mutableData<int8_t>()[i] =
        static_cast<int8_t>(std::clamp(numerics::roundNearestEven(value), -128.0, 127.0));
    return true;
  default:
    return false;
  }
}

} // namespace

Expected<Tensor> imageToTensor(const Image &image, const Type &type, const ImageOptions &options) {
  EDGECC_TRY(e, extentsOf(type, options));
  if (image.channels != e.channels)
    return error("the picture has " + std::to_string(image.channels) + " channels, the tensor " +
                 std::to_string(e.channels));
  if (type.dtype != DType::F32 && type.dtype != DType::F16 && type.dtype != DType::U8 &&
      type.dtype != DType::I8)
    return error("a picture cannot fill a tensor of type " + type.str(), {},
                 "the element type must be f32, f16, u8 or i8");
  Image fitted = fitTo(image, static_cast<int>(e.width), static_cast<int>(e.height), options);
  Tensor tensor(type.dtype, type.dims);
  for (int64_t c = 0; c < e.channels; ++c) {
    EDGECC_TRY(mean, channelValue(options.mean, c, 0));
    EDGECC_TRY(scale, channelValue(options.scale, c, 1));
    int64_t sample = options.order == ChannelOrder::BGR ? 2 - c : c;
    for (int64_t y = 0; y < e.height; ++y)
      for (int64_t x = 0; x < e.width; ++x) {
        double value = (fitted.at(static_cast<int>(x), static_cast<int>(y))[sample] - mean) * scale;
        store(tensor, c * e.channelStride + y * e.rowStride + x * e.columnStride, value);
      }
  }
  return tensor;
}

Expected<Tensor> readImageTensor(const std::filesystem::path &path, const Type &type,
                                 const ImageOptions &options) {
  EDGECC_TRY(image, readImage(path, options.order == ChannelOrder::Gray ? 1 : 3));
  return imageToTensor(image, type, options);
}

Expected<Image> tensorToImage(const Tensor &tensor, const ImageOptions &options) {
  EDGECC_TRY(e, extentsOf(tensor.type(), options));
  Image image{
      static_cast<int>(e.width), static_cast<int>(e.height), static_cast<int>(e.channels), {}};
  image.pixels.resize(static_cast<size_t>(e.width * e.height * e.channels));
  for (int64_t c = 0; c < e.channels; ++c) {
    EDGECC_TRY(mean, channelValue(options.mean, c, 0));
    EDGECC_TRY(scale, channelValue(options.scale, c, 1));
    int64_t sample = options.order == ChannelOrder::BGR ? 2 - c : c;
    for (int64_t y = 0; y < e.height; ++y)
      for (int64_t x = 0; x < e.width; ++x) {
        double value =
            tensor.asDouble(c * e.channelStride + y * e.rowStride + x * e.columnStride) / scale +
            mean;
        double clamped = value > 0 ? std::min(std::round(value), 255.0) : 0.0; // NaN gives 0
        image.at(static_cast<int>(x), static_cast<int>(y))[sample] = static_cast<uint8_t>(clamped);
      }
  }
  return image;
}

} // namespace edgecc
