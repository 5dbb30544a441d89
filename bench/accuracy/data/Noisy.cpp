#include "bench/accuracy/data/Noisy.h"

#include "bench/accuracy/data/DataSets.h"
#include "bench/accuracy/data/Random.h"

#include <algorithm>

namespace edgecc::bench {
namespace {

class GrayCrops : public Samples {
public:
  GrayCrops(std::vector<Image> images, Type type)
      : images_(std::move(images)), type_(std::move(type)) {}

  size_t size() const override { return kCrops * images_.size(); }

  Expected<Tensor> clean(size_t index) override {
    const Image &image = images_[index % images_.size()];
    size_t crop = index / images_.size();
    int height = static_cast<int>(type_.dims[2]), width = static_cast<int>(type_.dims[3]);
    int left = crop % 2 ? image.width - width : 0, top = crop / 2 ? image.height - height : 0;
    Tensor out(DType::F32, type_.dims);
    auto data = out.mutableData<float>();
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        data[static_cast<size_t>(y * width + x)] =
            static_cast<float>(*image.at(left + x, top + y)) / 255;
    return out;
  }

  Expected<std::vector<Tensor>> inputs(size_t index) override {
    constexpr double kSigma = 25.0 / 255;
    EDGECC_TRY(noisy, clean(index));
    Random random(static_cast<uint32_t>(5 + index));
    for (float &value : noisy.mutableData<float>())
      value += static_cast<float>(kSigma * random.normal());
    return std::vector{noisy};
  }

private:
  static constexpr size_t kCrops = 4;
  std::vector<Image> images_;
  Type type_;
};

class RawPictures : public Samples {
public:
  RawPictures(std::vector<Image> images, Type type)
      : images_(std::move(images)), type_(std::move(type)) {}

  size_t size() const override { return images_.size(); }

  Expected<Tensor> clean(size_t index) override {
    const Image &image = images_[index];
    int height = static_cast<int>(type_.dims[2]), width = static_cast<int>(type_.dims[3]);
    // Position and colour of the four samples of a cell: R G / G B.
    static constexpr int kX[] = {0, 1, 0, 1}, kY[] = {0, 0, 1, 1}, kColour[] = {0, 1, 1, 2};
    Tensor out(DType::F32, type_.dims);
    float *to = out.mutableData<float>().data();
    for (size_t plane = 0; plane < 4; ++plane)
      for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) {
          const uint8_t *pixel = image.at(2 * mirror(x, image.width / 2) + kX[plane],
                                          2 * mirror(y, image.height / 2) + kY[plane]);
          // The display's gamma undone: a sensor is linear.
          *to++ = static_cast<float>(kScale * std::pow(pixel[kColour[plane]] / 255.0, 2.2));
        }
    return out;
  }

  Expected<std::vector<Tensor>> inputs(size_t index) override {
    EDGECC_TRY(noisy, clean(index));
    // The paper's sensor: gain and variance of the read noise at ISO 1600, white level 959.
    constexpr double kIso = 1600, kWhite = 959;
    constexpr double kGain = 0.0005995267 * kIso + 0.00868861;
    constexpr double kVariance = 7.11772e-7 * kIso * kIso + 6.514934e-4 * kIso + 0.11492713;
    Random random(static_cast<uint32_t>(5 + index));
    for (float &value : noisy.mutableData<float>()) {
      double electrons = value / kScale * kWhite / kGain;
      double raw = kGain * random.poisson(electrons) + std::sqrt(kVariance) * random.normal();
      value = static_cast<float>(kScale * std::clamp(raw / kWhite, 0.0, 1.0));
    }
    return std::vector{noisy};
  }

private:
  static constexpr double kScale = 256;
  static int mirror(int at, int size) { return at < size ? at : 2 * size - 2 - at; }

  std::vector<Image> images_;
  Type type_;
};

Expected<void> checkSides(const std::vector<Image> &images, int width, int height,
                          const std::filesystem::path &folder) {
  for (const Image &image : images)
    if (image.width < width || image.height < height)
      return error("a picture is smaller than the network's input", folder.string());
  return {};
}

} // namespace

Expected<std::shared_ptr<Samples>> noisyGray(const std::filesystem::path &folder,
                                             const Type &type) {
  EDGECC_TRY(images, readFolder(folder, 1));
  EDGECC_CHECK(
      checkSides(images, static_cast<int>(type.dims[3]), static_cast<int>(type.dims[2]), folder));
  return std::make_shared<GrayCrops>(std::move(images), type);
}

Expected<std::shared_ptr<Samples>> noisyRaw(const std::filesystem::path &folder, const Type &type) {
  if (type.dims[1] != 4)
    return error("raw data has four planes", folder.string());
  EDGECC_TRY(images, readFolder(folder, 3));
  // A cell is two pixels wide; mirroring adds less than a picture.
  EDGECC_CHECK(checkSides(images, static_cast<int>(type.dims[3]) + 2,
                          static_cast<int>(type.dims[2]) + 2, folder));
  return std::make_shared<RawPictures>(std::move(images), type);
}

} // namespace edgecc::bench
