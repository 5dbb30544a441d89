// Samples from files, listed at once and read one by one.
#pragma once

#include "driver/CalibrationData.h"

namespace edgecc::driver {

class FileData : public CalibrationData {
public:
  static Expected<std::unique_ptr<FileData>> open(const std::filesystem::path &source,
                                                  const Function &function,
                                                  const CalibrationDataOptions &options);

  Expected<std::vector<Tensor>> sample(size_t index) override;
  std::string nameOf(size_t index) const override;

private:
  // A file, or one part of it along its first axis.
  struct Item {
    uint32_t file;
    int64_t part; // -1: the whole
  };
  struct Input {
    std::string name;
    Type type;
    ImageOptions image;
    std::vector<Item> items; // one for each sample
    int64_t mappedFile = -1; // the .npy file that was read last
    Tensor mapped;
  };

  Expected<void> list(const std::filesystem::path &source);
  Expected<void> listForeachInput(const std::filesystem::path &folder);
  Expected<void> add(Input &input, const std::filesystem::path &file);
  Expected<Tensor> read(Input &input, Item item);
  void warnAboutPixels(const Function &function, const CalibrationDataOptions &options);

  std::filesystem::path root_;
  std::vector<std::filesystem::path> files_;
  std::vector<Input> inputs_;
};

} // namespace edgecc::driver
