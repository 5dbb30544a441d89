#include "passes/compress/calibration/Observer.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

namespace edgecc {

Observer::Observer(int axis, size_t channels, const ObserverOptions &options)
    : axis_(axis), options_(options), sum_(channels), squares_(channels) {
  size_t ranges = options.perChannel ? channels : 1;
  seen_.resize(ranges);
  averaged_.resize(ranges);
  if (options.histograms)
    histograms_.assign(ranges, GrowingHistogram(options.bins));
}

bool Observer::add(std::span<const float> values, const ChannelShape &shape) {
  assert(static_cast<size_t>(shape.channels) == sum_.size());
  ChannelStatistics sample = channelStatistics(values, shape);
  if (!sample.finite)
    return false;
  if (values.empty())
    return true;
  for (size_t c = 0; c < sum_.size(); ++c) {
    sum_[c] += sample.sum[c];
    squares_[c] += sample.squares[c];
  }
  elements_ += static_cast<uint64_t>(shape.outer * shape.inner);
  if (!options_.perChannel) {
    sample.low = {*std::ranges::min_element(sample.low)};
    sample.high = {*std::ranges::max_element(sample.high)};
  }
  ++samples_;
  addRanges(sample);
  if (options_.histograms)
    addCounts(values, shape, sample);
  return true;
}

// The moving average begins as the plain mean, so that the first sample does not weigh more than
// others, and from sample 100 on forgets with the usual factor 0.99.
void Observer::addRanges(const ChannelStatistics &sample) {
  double weight = std::max(1.0 / static_cast<double>(samples_), 0.01);
  for (size_t c = 0; c < seen_.size(); ++c) {
    double low = sample.low[c], high = sample.high[c];
    if (samples_ == 1)
      seen_[c] = {low, high};
    seen_[c] = {std::min(seen_[c].low, low), std::max(seen_[c].high, high)};
    averaged_[c].low += weight * (low - averaged_[c].low);
    averaged_[c].high += weight * (high - averaged_[c].high);
  }
}

void Observer::addCounts(std::span<const float> values, const ChannelShape &shape,
                         const ChannelStatistics &sample) {
  for (size_t c = 0; c < histograms_.size(); ++c)
    histograms_[c].cover(sample.low[c], sample.high[c]);
  if (histograms_.size() == 1) {
    histograms_[0].add(values);
    return;
  }
  if (shape.inner == 1) {
    GrowingHistogram::addRows(histograms_, values);
    return;
  }
  auto inner = static_cast<size_t>(shape.inner);
  for (size_t run = 0; run * inner < values.size(); ++run)
    histograms_[run % histograms_.size()].add(values.subspan(run * inner, inner));
}

Observation Observer::observation() const {
  Observation out;
  out.axis = options_.perChannel ? axis_ : -1;
  out.seen = seen_;
  out.averaged = averaged_;
  for (const GrowingHistogram &histogram : histograms_)
    out.histograms.push_back(histogram.histogram());
  double count = static_cast<double>(std::max<uint64_t>(elements_, 1));
  for (size_t c = 0; c < sum_.size(); ++c) {
    double mean = sum_[c] / count;
    out.mean.push_back(mean);
    out.deviation.push_back(std::sqrt(std::max(0.0, squares_[c] / count - mean * mean)));
  }
  out.samples = samples_;
  return out;
}

Observation observe(const Tensor &tensor, int axis, const ObserverOptions &options) {
  const Dims &dims = tensor.dims();
  ChannelShape shape;
  if (axis < 0) {
    shape.inner = tensor.elements();
  } else {
    auto at = dims.begin() + axis;
    shape.outer = numElements(Dims(dims.begin(), at));
    shape.channels = *at;
    shape.inner = numElements(Dims(at + 1, dims.end()));
  }
  ObserverOptions chosen = options;
  chosen.perChannel = axis >= 0;
  Observer observer(axis, static_cast<size_t>(shape.channels), chosen);
  bool finite = observer.add(tensor.data<float>(), shape);
  assert(finite && "the caller has checked that the elements are finite");
  (void)finite;
  return observer.observation();
}

} // namespace edgecc
