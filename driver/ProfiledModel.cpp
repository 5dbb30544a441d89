#include "driver/ProfiledModel.h"

#include <algorithm>
#include <chrono>

namespace edgecc::driver {

static double median(std::vector<double> values) {
  auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

ProfiledModel::ProfiledModel(LoadedBlob blob)
    : blob_(std::move(blob)), layers_(edgecc_model_layer_count(blob_.model())) {
  edgecc_context_profile(blob_.context(), 1);
}

Expected<void> ProfiledModel::run(std::span<const Tensor> inputs, bool counts) {
  std::vector<double> before = totals();
  auto start = std::chrono::steady_clock::now();
  EDGECC_CHECK(blob_.run(inputs));
  auto spent = std::chrono::steady_clock::now() - start;
  if (!counts)
    return {};
  runs_.push_back(std::chrono::duration<double, std::nano>(spent).count());
  std::vector<double> after = totals();
  for (size_t i = 0; i < layers_.size(); ++i)
    layers_[i].push_back(after[i] >= before[i] ? after[i] - before[i] : after[i]);
  return {};
}

double ProfiledModel::ofLayer(size_t index) const { return median(layers_[index]); }

double ProfiledModel::total() const { return median(runs_); }

std::vector<double> ProfiledModel::totals() const {
  std::vector<double> out;
  for (uint32_t i = 0; i < layers_.size(); ++i) {
    edgecc_layer_profile profile{};
    edgecc_context_layer_profile(blob_.context(), i, &profile, sizeof profile);
    out.push_back(static_cast<double>(profile.total_ns));
  }
  return out;
}

} // namespace edgecc::driver
