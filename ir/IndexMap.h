// Index maps: which element of which operand an op reads for each element of its result. Loops,
// input tiles and halos, pruning groups, equalisation axes and layout legality derive from them.
#pragma once

#include "ir/Type.h"

#include <optional>

namespace edgecc {

class Op;

struct LoopAxis {
  enum class Kind : uint8_t { Parallel, Reduction };
  int64_t extent;
  Kind kind;
};

// The index along one axis of an operand or result as an affine function of the loop indices:
// offset + sum coefficient * loop. An index outside the axis reads the op's padding value.
struct AxisMap {
  struct Term {
    unsigned loop;
    int64_t coefficient;
    bool operator==(const Term &) const = default;
  };
  std::vector<Term> terms; // empty: the constant `offset` (a broadcast axis has offset 0)
  int64_t offset = 0;
  bool whole = false; // any element of the axis may be needed: data-dependent or not affine

  bool operator==(const AxisMap &) const = default;
  static AxisMap loop(unsigned loop, int64_t coefficient = 1, int64_t offset = 0) {
    return {{{loop, coefficient}}, offset, false};
  }
  static AxisMap constant(int64_t offset) { return {{}, offset, false}; }
  static AxisMap all() { return {{}, 0, true}; }
};

// One map for each axis of each operand and result. Empty for an absent operand and for operands
// that are not indexed by the loops (scalars such as a fill value have rank 0 and no maps either).
struct IterationSpace {
  std::vector<LoopAxis> loops;
  std::vector<std::vector<AxisMap>> operands;
  std::vector<std::vector<AxisMap>> results;

  int64_t points() const; // product of the loop extents; saturates
};

// The index maps of `op` from its declaration; none for ops that declare none (control flow,
// sorting, data-dependent gathers).
std::optional<IterationSpace> iterationSpace(const Op &op);

// Building blocks for declarations.
// Result axes are the loops; operands broadcast against them from the right. An operand with more
// axes than the result has extent 1 along those in front.
IterationSpace elementwiseSpace(const Op &op);

// Indices from `low` to `high`, both included.
struct IndexRange {
  int64_t low, high;
  bool operator==(const IndexRange &) const = default;
};

// The operand indices along `map`, which is not `whole`, that the iterations of `tile` (one range
// for each loop) read; part of them may lie outside the axis.
IndexRange rangeOf(const AxisMap &map, const std::vector<IndexRange> &tile);

} // namespace edgecc
