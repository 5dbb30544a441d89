// Scores of channels that earlier runs of the pass have found on the same samples: which channels
// go first does not depend on how many have to. So a search for the largest fraction within a limit
// on the loss, or a curve of many fractions, scores the model once.
#pragma once

#include "ir/Module.h"
#include "passes/compress/pruning/Curve.h"

#include <map>

namespace edgecc::pruning {

class CurveCache {
public:
  // Of what scoreChannels() would be given for the function's own groups: all but the samples,
  // of which only the number counts.
  static uint64_t keyOf(const Function &function, Criterion criterion, size_t samples);

  // Null if there are none; valid until the next keep().
  const std::vector<Curve> *find(uint64_t key) const;
  void keep(uint64_t key, std::vector<Curve> curves) { curves_[key] = std::move(curves); }

private:
  std::map<uint64_t, std::vector<Curve>> curves_;
};

} // namespace edgecc::pruning
