#include "ir/IndexMap.h"

#include "ir/OpDef.h"

#include <cassert>

namespace edgecc {

int64_t IterationSpace::points() const {
  int64_t product = 1;
  for (const LoopAxis &loop : loops)
    product = saturatingMul(product, loop.extent);
  return product;
}

std::optional<IterationSpace> iterationSpace(const Op &op) {
  const OpDef &def = op.def();
  if (!def.space)
    return std::nullopt;
  return def.space(op);
}

IterationSpace elementwiseSpace(const Op &op) {
  IterationSpace space;
  const Dims &loops = op.result()->dims();
  for (int64_t extent : loops)
    space.loops.push_back({extent, LoopAxis::Kind::Parallel});
  for (const Value *operand : op.operands()) {
    auto &maps = space.operands.emplace_back();
    if (!operand)
      continue;
    const Dims &dims = operand->dims();
    for (size_t i = 0; i < dims.size(); ++i) {
      size_t loop = loops.size() + i - dims.size(); // wraps for axes of extent 1 in front
      bool isIndexed = loops.size() + i >= dims.size() && dims[i] == loops[loop];
      assert(isIndexed || dims[i] == 1);
      maps.push_back(isIndexed ? AxisMap::loop(static_cast<unsigned>(loop)) : AxisMap::constant(0));
    }
  }
  for (unsigned r = 0; r < op.numResults(); ++r) {
    assert(op.result(r)->dims() == loops);
    auto &maps = space.results.emplace_back();
    for (unsigned i = 0; i < loops.size(); ++i)
      maps.push_back(AxisMap::loop(i));
  }
  return space;
}

IndexRange rangeOf(const AxisMap &map, const std::vector<IndexRange> &tile) {
  assert(!map.whole);
  IndexRange range{map.offset, map.offset};
  for (const auto &[loop, coefficient] : map.terms) {
    const IndexRange &indices = tile[loop];
    range.low += coefficient * (coefficient < 0 ? indices.high : indices.low);
    range.high += coefficient * (coefficient < 0 ? indices.low : indices.high);
  }
  return range;
}

} // namespace edgecc
