// How much a network loses when channels go, and in which order they go best.
#pragma once

#include "passes/compress/pruning/Curve.h"
#include "passes/compress/pruning/DependencyGroups.h"
#include "passes/compress/pruning/LayerSamples.h"

namespace edgecc::pruning {

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
