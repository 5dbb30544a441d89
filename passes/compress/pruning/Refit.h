// After channels were removed, least squares on calibration data fits the weights that are left:
// every layer in turn gets the inputs that the pruned network really computes and is asked for the
// outputs that the original had (He, Zhang, Sun, "Channel Pruning for Accelerating Very Deep Neural
// Networks", ICCV 2017).
#pragma once

#include "passes/compress/pruning/DependencyGroups.h"
#include "passes/compress/pruning/LayerSamples.h"

#include <functional>

namespace edgecc::pruning {

struct RefitOptions {
  size_t samples = 512;      // at most, of the calibration data
  double rowsPerColumn = 40; // equations for each unknown of an output channel
  // Pull towards the present weights, relative to the mean energy of inputs: at least this; more
  // where that does better on held out samples.
  double ridge = 1e-3;
  unsigned clampRounds = 4; // rounds of the fit behind a ReLU or clip
};

// A layer that cannot be fitted.
struct Unfitted {
  std::string layer;
  std::string reason; // completes "was not refitted because ..."
};

struct RefitReport {
  size_t layers = 0;                      // that were fitted
  std::vector<Unfitted> skipped;          // the others
  std::vector<std::string> kept;          // layers that no fit makes better on held out samples
  double errorBefore = 0, errorAfter = 0; // mean over the layers of squared error / variance
};

using Progress = std::function<void(size_t done, size_t total)>;

// Fits all f32 layers of `function`, which is in `module`. Rows of at most 128 MiB are held for
// the layer at hand, and its targets.
Expected<RefitReport> refit(Module &module, Function &function, const Function &original,
                            const Origin &origin, Executor &executor, CachedSamples &samples,
                            const RefitOptions &options, const Progress &progress = {});

} // namespace edgecc::pruning
