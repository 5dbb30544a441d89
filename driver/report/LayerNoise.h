// How much noise each layer of a compressed model adds, and how much has gathered at its output.
#pragma once

#include "driver/report/Correspondence.h"
#include "ir/DataSource.h"
#include "ir/Executor.h"
#include "passes/compress/calibration/Observer.h"

#include <functional>

namespace edgecc::driver {

struct LayerNoise {
  Correspondence pair;    // a: compressed, b: original
  Difference accumulated; // the compressed model as it is
  // Only the ops since the tensors that the models have in common are compressed, which get the
  // original's values. Nothing was added where that is not possible (hasAlone is false).
  Difference alone;
  bool hasAlone = false;
  Observer values{-1, 1, {.histograms = true, .bins = 256}}; // of the original's tensor
};

// Over all samples, for the tensors that both models have, in the compressed model's order. Every
// such tensor of both models is in memory at a time.
Expected<std::vector<LayerNoise>>
measureNoise(const Module &original, const Module &compressed, Executor &executor, DataSource &data,
             const std::function<void(size_t done, size_t total)> &progress);

} // namespace edgecc::driver
