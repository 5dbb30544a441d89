#include "bench/accuracy/data/DataSets.h"

#include "frontend/io/MappedFile.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>

namespace edgecc::bench {

static Image centre(const Image &image, int size) {
  Image out{size, size, image.channels, {}};
  out.pixels.resize(static_cast<size_t>(size) * size * image.channels);
  int left = (image.width - size) / 2, top = (image.height - size) / 2;
  for (int y = 0; y < size; ++y)
    std::memcpy(out.at(0, y), image.at(left, top + y), static_cast<size_t>(size) * image.channels);
  return out;
}

static Expected<Image> readCentre(const std::filesystem::path &path, int channels, int size) {
  EDGECC_TRY(image, readImage(path, channels));
  if (image.width < size || image.height < size)
    return error("the picture is smaller than the crop", path.string());
  return centre(image, size);
}

Expected<std::vector<Labelled>> readCifar(const std::filesystem::path &folder) {
  constexpr size_t kSide = 32, kPlane = kSide * kSide, kRecord = 1 + 3 * kPlane;
  EDGECC_TRY(file, MappedFile::open(folder / "test_2000.bin"));
  auto bytes = file->bytes();
  if (bytes.empty() || bytes.size() % kRecord != 0)
    return error("not in CIFAR-10's binary format", (folder / "test_2000.bin").string());
  std::vector<Labelled> out;
  for (size_t at = 0; at < bytes.size(); at += kRecord) {
    Labelled &one = out.emplace_back();
    one.label = static_cast<int>(bytes[at]);
    one.image = {kSide, kSide, 3, std::vector<uint8_t>(3 * kPlane)};
    for (size_t i = 0; i < 3 * kPlane; ++i)
      one.image.pixels[i % kPlane * 3 + i / kPlane] = static_cast<uint8_t>(bytes[at + 1 + i]);
  }
  return out;
}

static uint32_t bigEndian(std::span<const std::byte> bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i)
    value = value << 8 | static_cast<uint32_t>(bytes[at + i]);
  return value;
}

Expected<std::vector<Labelled>> readIdx(const std::filesystem::path &folder) {
  EDGECC_TRY(imageFile, MappedFile::open(folder / "images-idx3-ubyte"));
  EDGECC_TRY(labelFile, MappedFile::open(folder / "labels-idx1-ubyte"));
  auto images = imageFile->bytes(), labels = labelFile->bytes();
  constexpr size_t kImageHeader = 16, kLabelHeader = 8;
  if (images.size() < kImageHeader || labels.size() < kLabelHeader)
    return error("not in the idx format", folder.string());
  size_t count = bigEndian(images, 4), height = bigEndian(images, 8), width = bigEndian(images, 12);
  if (width > 4096 || height > 4096 || images.size() != kImageHeader + count * height * width ||
      labels.size() != kLabelHeader + count)
    return error("not in the idx format", folder.string());
  std::vector<Labelled> out;
  for (size_t i = 0; i < count; ++i) {
    Labelled &one = out.emplace_back();
    one.label = static_cast<int>(labels[kLabelHeader + i]);
    const auto *from =
        reinterpret_cast<const uint8_t *>(&images[kImageHeader + i * height * width]);
    one.image = {static_cast<int>(width), static_cast<int>(height), 1,
                 std::vector<uint8_t>(from, from + height * width)};
  }
  return out;
}

Expected<std::vector<Labelled>> readListed(const std::filesystem::path &folder, int size) {
  std::ifstream list(folder / "labels.tsv");
  if (!list)
    return error("cannot read the list of labels", (folder / "labels.tsv").string());
  std::vector<Labelled> out;
  std::string line;
  std::getline(list, line); // the header
  while (std::getline(list, line)) {
    std::istringstream fields(line);
    std::string file;
    Labelled one;
    if (!(fields >> file >> one.label))
      continue;
    EDGECC_TRY(image, readCentre(folder / file, 3, size));
    one.image = std::move(image);
    out.push_back(std::move(one));
  }
  return out;
}

Expected<std::vector<Image>> readFolder(const std::filesystem::path &folder, int channels) {
  std::vector<std::filesystem::path> paths;
  std::error_code problem;
  for (const auto &entry : std::filesystem::directory_iterator(folder, problem))
    if (auto extension = entry.path().extension(); extension == ".png" || extension == ".jpg")
      paths.push_back(entry.path());
  if (paths.empty())
    return error("there are no pictures", folder.string());
  std::sort(paths.begin(), paths.end());
  std::vector<Image> out;
  for (const auto &path : paths) {
    EDGECC_TRY(image, readImage(path, channels));
    out.push_back(std::move(image));
  }
  return out;
}

std::vector<Image> windows(const Image &image, int width, int height) {
  std::vector<Image> out;
  for (int top = 0; top + height <= image.height; top += height / 4)
    for (int left = 0; left + width <= image.width; left += width / 4) {
      Image &window = out.emplace_back(Image{width, height, image.channels, {}});
      window.pixels.resize(static_cast<size_t>(width) * height * image.channels);
      for (int y = 0; y < height; ++y)
        std::memcpy(window.at(0, y), image.at(left, top + y),
                    static_cast<size_t>(width) * image.channels);
    }
  return out;
}

} // namespace edgecc::bench
