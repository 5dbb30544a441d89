// Pictures in and out: PNG and JPEG to tensors, tensors to PNG.
#pragma once

#include "ir/Diagnostic.h"
#include "ir/Tensor.h"

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace edgecc {

// 8-bit samples, rows from the top, channels innermost: 1 is gray, 3 is RGB.
struct Image {
  int width = 0;
  int height = 0;
  int channels = 3;
  std::vector<uint8_t> pixels;

  uint8_t *at(int x, int y) { return &pixels[(size_t(y) * width + x) * channels]; }
  const uint8_t *at(int x, int y) const { return &pixels[(size_t(y) * width + x) * channels]; }
};

// PNG or JPEG, converted to `channels` (1 or 3); transparency is dropped. Files above 2^28 pixels
// are refused.
Expected<Image> decodeImage(std::span<const std::byte> bytes, int channels,
                            const std::string &source);
Expected<Image> readImage(const std::filesystem::path &path, int channels);
Expected<void> writePng(const std::filesystem::path &path, const Image &image);

// Bilinear with half-pixel centres; when shrinking, the filter widens with the scale, so that
// nothing aliases (a triangle filter).
Image resize(const Image &image, int width, int height);

enum class ChannelOrder : uint8_t { RGB, BGR, Gray };
enum class ImageLayout : uint8_t { NCHW, NHWC };
enum class ImageFit : uint8_t {
  Stretch,   // each axis by its own factor
  Letterbox, // largest size of the same aspect that fits, in the upper left corner, rest filled
};

struct ImageOptions {
  ImageLayout layout = ImageLayout::NCHW;
  ChannelOrder order = ChannelOrder::RGB;
  ImageFit fit = ImageFit::Stretch;
  uint8_t fill = 114; // of the letterbox
  // element = (sample - mean) * scale, sample in 0..255, by channel in the order above. One value
  // serves all channels; none is mean 0, scale 1.
  std::vector<double> mean;
  std::vector<double> scale;
};

// The picture as a tensor of exactly `type`: rank 4 with batch extent 1, or rank 3 without batch;
// u8 (rounded to nearest even and clamped), i8, f16 or f32 elements; 1 or 3 channels.
Expected<Tensor> imageToTensor(const Image &image, const Type &type, const ImageOptions &options);
Expected<Tensor> readImageTensor(const std::filesystem::path &path, const Type &type,
                                 const ImageOptions &options);

// The reverse: sample = clamp(round(element / scale + mean)). `tensor` is laid out as above.
Expected<Image> tensorToImage(const Tensor &tensor, const ImageOptions &options);

} // namespace edgecc
