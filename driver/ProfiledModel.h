// Times of a model's layers in this process.
#pragma once

#include "driver/NativeModel.h"

namespace edgecc::driver {

// Runs a loaded model with the profile on and keeps the times of every run, in nanoseconds.
class ProfiledModel {
public:
  explicit ProfiledModel(LoadedBlob blob);

  // Runs that do not count warm caches.
  Expected<void> run(std::span<const Tensor> inputs, bool counts = true);

  // Medians over the runs that count, of which there must be one.
  double ofLayer(size_t index) const;
  double total() const;

  size_t layers() const { return layers_.size(); }
  const LoadedBlob &blob() const { return blob_; }

private:
  std::vector<double> totals() const;

  LoadedBlob blob_;
  std::vector<std::vector<double>> layers_; // of each run
  std::vector<double> runs_;
};

} // namespace edgecc::driver
