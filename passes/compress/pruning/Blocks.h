// Residual blocks as the unit of pruning: y = x + f(x) becomes y = x.
#pragma once

#include "passes/compress/pruning/DependencyGroups.h"
#include "passes/compress/pruning/LayerSamples.h"

#include <functional>

namespace edgecc::pruning {

struct ResidualBlock {
  Op *add;
  Value *skip, *branch;  // its operands
  std::vector<Op *> ops; // that only the branch needs, in order; no constants
  double loss = 0;       // variance of the branch relative to that of the sum
};

// Adds of the same type whose branch is computed from the skip and constants alone and is read by
// nothing else, with at least one contraction. Of nested ones the innermost.
std::vector<ResidualBlock> findResidualBlocks(const Function &function);

// Measures what removing each would lose.
Expected<void> scoreBlocks(const Function &function, std::vector<ResidualBlock> &blocks,
                           Executor &executor, CachedSamples &samples,
                           const std::function<void(size_t, size_t)> &progress);

// `origin` forgets what is gone.
void removeBlock(const ResidualBlock &block, Origin &origin);

} // namespace edgecc::pruning
