// Which axes of which values have to shrink together: what each op says about the axes of its
// operands and results, from its index maps (ir/IndexMap.h) or, for ops without maps, stated here.
#pragma once

#include "ir/Module.h"

#include <unordered_map>

namespace edgecc::pruning {

// An axis with more than one element of a value, or a loop of an op. All Param ops of one
// parameter share their axes.
using AxisId = unsigned;
inline constexpr AxisId kNoAxis = ~0u;

struct Axis {
  const Value *value; // the first Param op's result for a parameter; null for a loop
  unsigned axis;
  int64_t extent;
};

// Elements a.offset + i * a.step of axis a and b.offset + i * b.step of axis b, i < count, come and
// go together.
struct Link {
  struct End {
    AxisId axis;
    int64_t offset, step;
  };
  End a, b;
  int64_t count;
};

// Row-major index along `whole` = sum of index along factors[i] * strides[i]. Only one of the
// factors can lose elements; the others then keep all of theirs.
struct Split {
  AxisId whole;
  std::vector<AxisId> factors; // outermost first
  const Op *op;                // the Reshape
};

// No element of the axis can be removed.
struct Pin {
  AxisId axis;
  std::string reason; // completes "cannot be pruned because ..."
};

// Hard facts about all axes of a function's body.
class AxisRelations {
public:
  // `module` contains the function; parameters that other functions or regions name are pinned.
  AxisRelations(const Module &module, const Function &function);

  const std::vector<Axis> &axes() const { return axes_; }
  const std::vector<Link> &links() const { return links_; }
  const std::vector<Split> &splits() const { return splits_; }
  const std::vector<Pin> &pins() const { return pins_; }
  // Whether the axis is a batch axis of a product of two activations (attention heads).
  bool isHeads(AxisId axis) const { return heads_[axis]; }
  // kNoAxis for an axis of extent 1 or less.
  AxisId find(const Value &value, unsigned axis) const;

private:
  void addOp(const Op &op);
  void addSpace(const Op &op);
  void addSpecial(const Op &op);
  void addReshape(const Op &op);
  void addConcat(const Op &op);
  void addBlocks(const Op &op); // DepthToSpace, SpaceToDepth
  void keepOthers(const Op &op, const std::vector<int64_t> &fixed, const std::string &reason);
  void addRecurrent(const Op &op);
  AxisId newAxis(const Value *value, unsigned axis, int64_t extent);
  AxisId of(const Value &value, unsigned axis); // kNoAxis as in find()
  void link(Link::End a, Link::End b, int64_t count);
  void same(AxisId a, AxisId b);
  void pin(AxisId axis, std::string reason);
  void pinAll(const Value *value, const std::string &reason);
  void pinOp(const Op &op, const std::string &reason);

  std::vector<Axis> axes_;
  std::vector<bool> heads_;
  std::vector<Link> links_;
  std::vector<Split> splits_;
  std::vector<Pin> pins_;
  std::unordered_map<const void *, std::vector<AxisId>> byKey_; // of a value or a parameter
};

} // namespace edgecc::pruning
