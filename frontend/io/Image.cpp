#include "frontend/io/Image.h"

#include "frontend/io/MappedFile.h"
#include "frontend/io/Stb.h"

#include <algorithm>
#include <climits>
#include <cmath>
#include <memory>

namespace edgecc {
namespace {

constexpr int64_t kMaxPixels = int64_t{1} << 28;

// Contributions of source samples [first, first + weights.size()) to one destination sample.
struct Filter {
  int first;
  std::vector<float> weights;
};

std::vector<Filter> triangleFilters(int from, int to) {
  std::vector<Filter> filters(static_cast<size_t>(to));
  double ratio = static_cast<double>(from) / to;
  double radius = std::max(1.0, ratio);
  for (int i = 0; i < to; ++i) {
    double centre = (i + 0.5) * ratio - 0.5;
    int first = std::max(0, static_cast<int>(std::ceil(centre - radius)));
    int last = std::min(from - 1, static_cast<int>(std::floor(centre + radius)));
    Filter &filter = filters[static_cast<size_t>(i)];
    filter.first = first;
    double sum = 0;
    for (int j = first; j <= last; ++j) {
      double weight = std::max(0.0, 1.0 - std::abs(j - centre) / radius);
      filter.weights.push_back(static_cast<float>(weight));
      sum += weight;
    }
    for (float &weight : filter.weights)
      weight = static_cast<float>(weight / sum);
  }
  return filters;
}

} // namespace

Expected<Image> decodeImage(std::span<const std::byte> bytes, int channels,
                            const std::string &source) {
  auto *data = reinterpret_cast<const unsigned char *>(bytes.data());
  int width = 0, height = 0;
  if (bytes.size() > INT_MAX || bytes.empty() ||
      !stb::readSize(data, static_cast<int>(bytes.size()), &width, &height))
    return error("not a PNG or JPEG picture", source);
  if (int64_t{width} * height > kMaxPixels)
    return error("the picture has more than 2^28 pixels", source);
  std::unique_ptr<unsigned char, void (*)(unsigned char *)> pixels(
      stb::decode(data, static_cast<int>(bytes.size()), &width, &height, channels), stb::release);
  if (!pixels)
    return error(std::string("the picture cannot be decoded: ") + stb::failureReason(), source);
  Image image{width, height, channels, {}};
  image.pixels.assign(pixels.get(), pixels.get() + size_t(width) * height * channels);
  return image;
}

Expected<Image> readImage(const std::filesystem::path &path, int channels) {
  EDGECC_TRY(file, MappedFile::open(path));
  return decodeImage(file->bytes(), channels, path.string());
}

Expected<void> writePng(const std::filesystem::path &path, const Image &image) {
  std::vector<std::byte> bytes;
  auto sink = [](void *context, void *data, int size) {
    auto *out = static_cast<std::vector<std::byte> *>(context);
    auto *begin = static_cast<const std::byte *>(data);
    out->insert(out->end(), begin, begin + size);
  };
  stb::encodePng(sink, &bytes, image.width, image.height, image.channels, image.pixels.data());
  if (bytes.empty())
    return error("the picture cannot be encoded as PNG", path.string());
  return writeFile(path, bytes);
}

Image resize(const Image &image, int width, int height) {
  if (width == image.width && height == image.height)
    return image;
  auto columns = triangleFilters(image.width, width);
  auto rows = triangleFilters(image.height, height);
  size_t channels = static_cast<size_t>(image.channels);
  std::vector<float> narrow(size_t(width) * image.height * channels);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < width; ++x) {
      const Filter &filter = columns[static_cast<size_t>(x)];
      float *out = &narrow[(size_t(y) * width + x) * channels];
      for (size_t k = 0; k < filter.weights.size(); ++k) {
        const uint8_t *in = image.at(filter.first + static_cast<int>(k), y);
        for (size_t c = 0; c < channels; ++c)
          out[c] += filter.weights[k] * in[c];
      }
    }
  Image result{width, height, image.channels, {}};
  result.pixels.resize(size_t(width) * height * channels);
  std::vector<float> sum(channels);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const Filter &filter = rows[static_cast<size_t>(y)];
      std::fill(sum.begin(), sum.end(), 0.0f);
      for (size_t k = 0; k < filter.weights.size(); ++k) {
        const float *in = &narrow[((filter.first + k) * width + x) * channels];
        for (size_t c = 0; c < channels; ++c)
          sum[c] += filter.weights[k] * in[c];
      }
      for (size_t c = 0; c < channels; ++c)
        result.at(x, y)[c] = static_cast<uint8_t>(std::clamp(std::lround(sum[c]), 0L, 255L));
    }
  return result;
}

} // namespace edgecc
