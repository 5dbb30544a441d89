// Samples of noise: to try things out with, not to choose ranges from.
#pragma once

#include "driver/CalibrationData.h"

#include <string_view>

namespace edgecc::driver {

inline constexpr std::string_view kRandomPrefix = "random:";

// Uniform: pixels of 0..255 preprocessed as the model says of its input; other floats in [-1, 1);
// all values of 8-bit integers; 0 and 1 of other types.
class RandomData : public CalibrationData {
public:
  static Expected<std::unique_ptr<RandomData>>
  open(std::string_view source, const Function &function, const CalibrationDataOptions &options);

  Expected<std::vector<Tensor>> sample(size_t index) override;
  std::string nameOf(size_t index) const override;

private:
  struct Input {
    Type type;
    ImageOptions image;
    bool isPicture = false;
  };
  std::vector<Input> inputs_;
  uint32_t seed_ = 0;
};

} // namespace edgecc::driver
