// How much a network loses when channels go, and in which order they go best.
#pragma once

#include "passes/compress/pruning/DependencyGroups.h"
#include "passes/compress/pruning/LayerSamples.h"

namespace edgecc::pruning {

enum class Criterion : uint8_t {
  L1,         // sum of |w| of the weights that compute the channel
  L2,         // square root of the sum of w^2
  BnScale,    // |scale| of its batch norm
  Activation, // energy of the channel where the next layers read it
  Taylor,     // error of the next layers' results that no refit could undo
};

// The channels of a group in the order of removal, with what removing each loses on top of the
// ones before. Losses of different groups compare with one another.
struct Curve {
  std::vector<size_t> order;
  std::vector<double> loss;
};

// One curve for each group. `samples` and `executor` are needed for Activation and Taylor.
//
// Taylor: with the rows x of a consumer's inputs, second moments H = E[x x^T] and weights W, the
// least error of W' x against W x over all W' without the columns c is
//   tr(W_c (H^-1_cc)^-1 W_c^T),
// the second-order term of the error in the weights (Hassibi and Stork, "Optimal Brain Surgeon",
// 1993). W and H^-1 are updated after each removal, so that the next step knows of the refit.
// Relative to the variance of the sum that the result is part of, summed over consumers. That
// gives the order in a group. So that groups compare, the network then runs with a few shares of
// each group gone and the consumers compensated, and the squared error of its outputs, relative to
// their variance, becomes the curve's loss; parameters change meanwhile.
Expected<std::vector<Curve>> scoreChannels(const Function &function,
                                           std::span<const DependencyGroup> groups,
                                           Criterion criterion, Executor *executor,
                                           CachedSamples *samples,
                                           const std::function<void(size_t, size_t)> &progress);

} // namespace edgecc::pruning
