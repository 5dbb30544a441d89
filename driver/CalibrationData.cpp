#include "driver/CalibrationData.h"

#include "driver/data/FileData.h"
#include "driver/data/RandomData.h"

namespace edgecc::driver {

void CalibrationData::choose(size_t total, const CalibrationDataOptions &options) {
  total_ = total;
  size_t first = options.subset == Subset::Odd ? 1 : 0;
  size_t step = options.subset == Subset::All ? 1 : 2;
  for (size_t i = first; i < total; i += step)
    chosen_.push_back(i);
  if (options.samples == 0 || options.samples >= chosen_.size())
    return;
  std::vector<size_t> spread;
  for (size_t i = 0; i < options.samples; ++i)
    spread.push_back(chosen_[i * chosen_.size() / options.samples]);
  chosen_ = std::move(spread);
}

Expected<std::unique_ptr<CalibrationData>>
CalibrationData::open(const std::string &source, const Function &function,
                      const CalibrationDataOptions &options) {
  if (function.body.numArguments() == 0)
    return error("the model has no input to feed samples to", source);
  std::unique_ptr<CalibrationData> data;
  if (source.starts_with(kRandomPrefix)) {
    EDGECC_TRY(random, RandomData::open(source, function, options));
    data = std::move(random);
  } else {
    EDGECC_TRY(files, FileData::open(source, function, options));
    data = std::move(files);
  }
  if (data->size() == 0)
    return error("there is no sample left of " + std::to_string(data->total()), source,
                 "give more samples");
  return data;
}

} // namespace edgecc::driver
