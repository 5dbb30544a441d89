#include "bench/accuracy/data/Samples.h"

#include <algorithm>
#include <cassert>

namespace edgecc::bench {

Split::Split(std::shared_ptr<Samples> samples, size_t limit) {
  size_t all = samples->size();
  if (limit)
    all = std::min(all, limit);
  calibration_.samples_ = scored_.samples_ = std::move(samples);
  calibration_.size_ = (all + 1) / 2;
  scored_.size_ = all / 2;
}

Split::Calibration Split::calibration(size_t most) const {
  Calibration some = calibration_;
  if (most)
    some.size_ = std::min(some.size_, most);
  return some;
}

Expected<std::vector<Tensor>> Split::Calibration::sample(size_t index) {
  assert(index < size_);
  return samples_->inputs(2 * index);
}

} // namespace edgecc::bench
