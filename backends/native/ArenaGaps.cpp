#include "backends/native/ArenaGaps.h"

#include <algorithm>

namespace edgecc::native {

static int64_t roundUp(int64_t bytes) { return (bytes + 63) / 64 * 64; }

ArenaRange arenaRange(const Value &value) {
  if (!value.storage || value.storage->space != Storage::Space::Arena)
    return {};
  int64_t last = 0;
  for (size_t i = 0; i < value.dims().size(); ++i) {
    if (value.dims()[i] == 0)
      return {};
    last += (value.dims()[i] - 1) * value.storage->strides[i];
  }
  int64_t begin = value.storage->offset;
  return {begin, begin + ((last + 1) * bitWidth(value.type.dtype) + 7) / 8};
}

ArenaGaps::ArenaGaps(const Function &function) {
  for (const auto &argument : function.body.arguments())
    touch(argument.get(), 0);
  size_t index = 0;
  for (const auto &op : function.body.ops()) {
    order_[op.get()] = index;
    visit(*op, index++);
  }
  for (const Value *value : function.body.yields())
    touch(value, index); // outputs may be copied at the end
  arenaBytes_ = roundUp(arenaBytes_);
}

void ArenaGaps::touch(const Value *value, size_t index) {
  if (!value)
    return;
  ArenaRange range = arenaRange(*value);
  if (range.begin == range.end)
    return;
  auto [it, isNew] = lives_.try_emplace(value, Life{range, index, index});
  it->second.to = index;
  arenaBytes_ = std::max(arenaBytes_, range.end);
}

// Values inside of regions are alive while the op around them runs.
void ArenaGaps::visit(const Op &op, size_t index) {
  for (const Value *operand : op.operands())
    touch(operand, index);
  for (unsigned i = 0; i < op.numResults(); ++i)
    touch(op.result(i), index);
  if (op.kind() == OpKind::Fused)
    return; // in registers, but for the operands' and results' twins
  for (unsigned i = 0; i < op.numRegions(); ++i) {
    for (const auto &argument : op.region(i).arguments())
      touch(argument.get(), index);
    for (const auto &inner : op.region(i).ops())
      visit(*inner, index);
    for (const Value *value : op.region(i).yields())
      touch(value, index);
  }
}

int64_t ArenaGaps::place(const Op &op, int64_t bytes) const {
  auto at = order_.find(&op);
  if (at == order_.end())
    return arenaBytes_;
  std::vector<ArenaRange> taken;
  for (const auto &[value, life] : lives_)
    if (life.from <= at->second && at->second <= life.to)
      taken.push_back(life.range);
  std::ranges::sort(taken, {}, &ArenaRange::begin);
  int64_t free = 0;
  for (const ArenaRange &range : taken) {
    if (free + bytes <= range.begin)
      break;
    free = std::max(free, roundUp(range.end));
  }
  return free;
}

} // namespace edgecc::native
