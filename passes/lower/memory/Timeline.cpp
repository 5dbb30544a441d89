#include "passes/lower/memory/Timeline.h"

namespace edgecc::memory {

bool isLoop(const Op &op) { return op.kind() == OpKind::Loop || op.kind() == OpKind::Scan; }

Timeline::Timeline(const Function &function) { number(function.body); }

void Timeline::number(const Block &block) {
  for (const auto &op : block.ops()) {
    next_ += kStep;
    int begin = next_;
    if (op->kind() != OpKind::Fused && op->numRegions()) {
      for (unsigned i = 0; i < op->numRegions(); ++i)
        number(op->region(i));
      next_ += kStep;
    }
    times_[op.get()] = {begin, next_};
  }
}

void Timeline::insertBefore(const Op &op, const Op &next) {
  int time = times_.at(&next).begin - 1;
  times_[&op] = {time, time};
}

// A Scan reads a slice of each scanned operand in every trip.
static bool isScanned(const Use &use) {
  return use.user->kind() == OpKind::Scan &&
         use.operand >= use.user->numOperands() - use.user->integer("num_scans");
}

int Timeline::useTime(const Use &use, const Block &definedIn) const {
  // Other operands of an op with regions are read before these run.
  const Op &user = *use.user;
  int time = isScanned(use) ? times_.at(&user).end : times_.at(&user).begin;
  for (const Block *block = user.block(); block != &definedIn;) {
    const Op *parent = block->parentOp();
    if (isLoop(*parent))
      time = times_.at(parent).end;
    block = parent->block();
  }
  return time;
}

Interval Timeline::lifetime(const Value &value) const {
  const Block &block = *value.owningBlock();
  Interval life;
  if (const Op *op = value.definingOp()) {
    life = of(*op);
    // Results of ops with regions are written while these run.
    if (op->numRegions() == 0 || op->kind() == OpKind::Fused)
      life.begin = life.end;
  } else if (const Op *parent = block.parentOp()) {
    life = of(*parent);
    if (!isLoop(*parent))
      life.end = life.begin;
  }
  life.end = std::max(life.end, lastUse(value));
  return life;
}

int Timeline::lastUse(const Value &value) const {
  int last = 0;
  for (const Use &use : value.uses())
    last = std::max(last, useTime(use, *value.owningBlock()));
  return last;
}

} // namespace edgecc::memory
