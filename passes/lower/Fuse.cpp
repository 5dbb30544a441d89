// Gathers ops that run as one loop nest into Fused ops: an anchor (contraction, pooling...) with
// the element-wise ops after it, or a chain of element-wise ops.
//
// A group is grown from its first op by the next op in order of execution that reads one of its
// values. All values of a group have the same shape and memory order. The group runs where its last
// op stood, so no op before that point may read one of its values: this also excludes every path
// that leaves the group and comes back.
#include "ir/OpDef.h"
#include "passes/Passes.h"
#include "passes/Rewrite.h"
#include "passes/lower/Layouts.h"

#include <algorithm>
#include <set>
#include <unordered_map>

namespace edgecc {

namespace {

struct Limits {
  size_t ops;    // in a group
  size_t yields; // values that leave it
};

bool isAnchorKind(OpKind kind) {
  switch (kind) {
  case OpKind::Conv:
  case OpKind::ConvTranspose:
  case OpKind::MatMul:
  case OpKind::Gemm:
  case OpKind::MaxPool:
  case OpKind::AveragePool:
  case OpKind::LpPool:
  case OpKind::Resize:
  case OpKind::ReduceSum:
  case OpKind::ReduceMean:
  case OpKind::ReduceMax:
  case OpKind::ReduceMin:
  case OpKind::ReduceL1:
  case OpKind::ReduceL2:
  case OpKind::ReduceSumSquare:
  case OpKind::Softmax:
  case OpKind::LogSoftmax:
  case OpKind::InstanceNormalization:
  case OpKind::LayerNormalization:
  case OpKind::RMSNormalization:
    return true;
  default:
    return false;
  }
}

// Further results do not have the shape of the loop nest.
bool isAnchor(const Op &op) { return isAnchorKind(op.kind()) && onlyFirstResultUsed(op); }

// The operands of an element-wise op that are indexed like its result. The others (scales, tables,
// bounds) come from outside the group.
bool readsElement(const Op &op, unsigned operand) {
  switch (op.kind()) {
  case OpKind::QuantizeLinear:
  case OpKind::DequantizeLinear:
  case OpKind::Requantize:
  case OpKind::TableLookup:
  case OpKind::Clip:
    return operand == 0;
  default:
    return true;
  }
}

class Fuser {
public:
  Fuser(Module &module, Block &block, const TargetModel *target, Limits limits,
        Statistics &statistics)
      : module_(module), block_(block), target_(target), limits_(limits), statistics_(statistics) {
    for (Op *op : block.snapshot())
      position_[op] = position_.size();
  }

  void run() {
    std::vector<Op *> ops = block_.snapshot();
    // Of two contractions whose results meet, the later one takes the op that joins them.
    for (auto it = ops.rbegin(); it != ops.rend(); ++it)
      if (isAnchor(**it))
        grow(*it);
    for (const Op *op : ops)
      if (auto it = groups_.find(op); it != groups_.end())
        absorb(it->second);
    for (Op *op : ops)
      if (!isAnchor(*op) && isFusable(*op))
        grow(op);
    for (Op *op : ops) // at its last op, a group's operands are all there
      if (auto it = groups_.find(op); it != groups_.end())
        build(it->second);
  }

private:
  // In an order of execution; the anchor, if any, first. The last op is where the group will run.
  using Group = std::vector<Op *>;

  bool isFusable(const Op &op) const {
    if (taken_.contains(&op) || op.numResults() != 1 || !op.def().is(OpTrait::Elementwise) ||
        !op.result()->type.isStatic() || op.result()->type.elements() == 0 ||
        isSubByte(op.result()->type.dtype))
      return false;
    for (const Value *operand : op.operands())
      if (operand && isSubByte(operand->type.dtype))
        return false;
    return !target_ || target_->canFuse(op);
  }

  // The op of this block that `user` is, or is inside.
  const Op *inThisBlock(const Op *user) const {
    while (user->block() != &block_)
      user = user->block()->parentOp();
    return user;
  }

  static bool contains(const Group &group, const Op *op) {
    return std::ranges::find(group, op) != group.end();
  }

  // The first op outside the group that reads one of its values.
  Op *nextUser(const Group &group) const {
    const Op *first = nullptr;
    for (const Op *op : group)
      for (const Use &use : op->result()->uses()) {
        const Op *user = inThisBlock(use.user);
        if (!contains(group, user) && (!first || position_.at(user) < position_.at(first)))
          first = user;
      }
    return const_cast<Op *>(first);
  }

  bool fits(const Group &group, const Op &op) const {
    const Value &space = *group.front()->result();
    if (!isFusable(op) || op.result()->dims() != space.dims() ||
        !layouts::isSame(space.dims(), layouts::orderOf(space), layouts::orderOf(*op.result())))
      return false;
    for (unsigned i = 0; i < op.numOperands(); ++i)
      if (op.operand(i) && contains(group, op.operand(i)->definingOp()) && !readsElement(op, i))
        return false;
    return true;
  }

  std::vector<Value *> yieldsOf(const Group &group) const {
    std::vector<Value *> yields;
    for (Op *op : group)
      if (std::ranges::any_of(op->result()->uses(),
                              [&](const Use &use) { return !contains(group, use.user); }))
        yields.push_back(op->result());
    return yields;
  }

  // Ends in more bytes than it reads: better the first op of its user's group.
  static bool widens(const Op &op) {
    return op.kind() == OpKind::DequantizeLinear && bitWidth(op.operand(0)->type.dtype) < 32;
  }

  void grow(Op *seed) {
    if (taken_.contains(seed) || seed->result()->type.elements() == 0)
      return;
    Group group{seed};
    while (group.size() < limits_.ops) {
      Op *next = nextUser(group);
      if (!next || !fits(group, *next))
        break;
      group.push_back(next);
    }
    while (group.size() > 1 && (yieldsOf(group).size() > limits_.yields || widens(*group.back())))
      group.pop_back();
    taken_.insert(group.begin(), group.end());
    if (!isAnchor(*seed))
      absorb(group);
    // Alone only to drop results that nobody reads, such as the positions of a MaxPool.
    if (group.size() < 2 && !(isAnchor(*seed) && seed->numResults() > 1)) {
      taken_.erase(seed);
      return;
    }
    Op *last = group.back();
    groups_[last] = std::move(group);
  }

  // Pulls in element-wise ops that only the group reads: moving them down disturbs nobody.
  void absorb(Group &group) {
    bool changed = true;
    while (changed && group.size() < limits_.ops) {
      changed = false;
      for (Op *producer : producersOf(group)) {
        if (group.size() >= limits_.ops || contains(group, producer) || !fits(group, *producer) ||
            !isReadOnlyBy(group, *producer))
          continue;
        taken_.insert(producer);
        auto at = std::ranges::find_if(group, [&](const Op *op) {
          return !isAnchor(*op) && position_.at(op) > position_.at(producer);
        });
        group.insert(at, producer);
        changed = true;
      }
    }
  }

  std::vector<Op *> producersOf(const Group &group) const {
    std::vector<Op *> producers;
    for (const Op *op : group)
      for (unsigned i = 0; i < op->numOperands() && !isAnchor(*op); ++i) {
        Op *producer = op->operand(i) ? op->operand(i)->definingOp() : nullptr;
        if (producer && producer->block() == &block_ && !contains(group, producer) &&
            readsElement(*op, i))
          producers.push_back(producer);
      }
    return producers;
  }

  static bool isReadOnlyBy(const Group &group, const Op &op) {
    return std::ranges::all_of(op.result()->uses(), [&](const Use &use) {
      return contains(group, use.user) && !isAnchor(*use.user) &&
             readsElement(*use.user, use.operand);
    });
  }

  void build(const Group &group) {
    std::vector<Value *> operands, yields = yieldsOf(group);
    for (const Op *op : group)
      for (Value *operand : op->operands())
        if (operand && !contains(group, operand->definingOp()) &&
            std::ranges::find(operands, operand) == operands.end())
          operands.push_back(operand);
    bool anchored = isAnchor(*group.front());
    Builder builder(module_);
    builder.setInsertionBefore(group.back());
    for (const Op *op : group)
      builder.location = joinLocations(builder.location, op->location);
    Op *fused = builder.createOp(
        OpKind::Fused, operands,
        {{"anchor", anchored ? std::string(group.front()->name()) : std::string()}},
        [&](Op &op) -> Expected<void> {
          fillRegion(op.region(0), group, operands, yields);
          return {};
        });
    for (unsigned i = 0; i < yields.size(); ++i) {
      fused->result(i)->type.layout = yields[i]->type.layout;
      fused->result(i)->provenance = yields[i]->provenance;
      yields[i]->replaceAllUsesWith(fused->result(i));
    }
    for (auto it = group.rbegin(); it != group.rend(); ++it)
      (*it)->erase();
    statistics_.add("ops fused", static_cast<int64_t>(group.size()));
    statistics_.add(anchored ? "groups with an anchor" : "element-wise groups");
  }

  void fillRegion(Block &region, const Group &group, const std::vector<Value *> &operands,
                  const std::vector<Value *> &yields) {
    ValueMapping mapping;
    for (const Value *operand : operands) {
      Value *argument = region.addArgument(operand->type);
      argument->provenance = operand->provenance;
      mapping[operand] = argument;
    }
    Builder inner(module_, region);
    for (const Op *op : group)
      cloneOp(inner, *op, mapping);
    std::vector<Value *> inside;
    for (const Value *value : yields)
      inside.push_back(mapping.at(value));
    inner.yield(inside);
  }

  Module &module_;
  Block &block_;
  const TargetModel *target_;
  Limits limits_;
  Statistics &statistics_;
  std::unordered_map<const Op *, size_t> position_;
  std::set<const Op *> taken_;
  std::unordered_map<const Op *, Group> groups_; // by the last op
};

} // namespace

Expected<void> fuse(Module &module, PassContext &context) {
  Limits limits{static_cast<size_t>(context.options.integer("max-ops")),
                static_cast<size_t>(context.options.integer("max-yields"))};
  for (const auto &function : module.functions()) {
    std::vector<Block *> blocks;
    forEachBlock(function->body, [&](Block &block) {
      if (!block.parentOp() || block.parentOp()->kind() != OpKind::Fused)
        blocks.push_back(&block);
    });
    for (Block *block : blocks)
      Fuser(module, *block, context.target, limits, context.statistics).run();
  }
  return {};
}

} // namespace edgecc
