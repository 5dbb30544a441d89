#include "ir/ops/Infer.h"

#include <algorithm>

namespace edgecc::ops {

OpDef &declare(std::vector<OpDef> &defs, OpKind kind, std::string name) {
  OpDef &def = defs.emplace_back();
  def.kind = kind;
  def.name = std::move(name);
  return def;
}

Type dense(DType dtype, Dims dims) { return Type{dtype, std::move(dims), 0, std::nullopt}; }

Expected<Types> sameAsFirst(const Op &op) {
  Type type = typeOf(op, 0);
  type.layout.reset();
  return Types{type};
}

std::optional<Dims> broadcast(const Dims &a, const Dims &b) {
  const Dims &longer = a.size() >= b.size() ? a : b;
  const Dims &shorter = a.size() >= b.size() ? b : a;
  Dims out = longer;
  size_t shift = longer.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    int64_t &extent = out[shift + i];
    if (extent == shorter[i] || shorter[i] == 1)
      continue;
    if (extent != 1)
      return std::nullopt;
    extent = shorter[i];
  }
  return out;
}

bool broadcastsTo(const Dims &from, const Dims &to) {
  auto result = broadcast(from, to);
  return result && *result == to;
}

static Expected<Types> broadcastAs(const Op &op, DType dtype) {
  Dims dims;
  bool first = true;
  for (const Value *operand : op.operands()) {
    if (!operand)
      continue;
    auto merged = first ? std::optional(operand->type.dims) : broadcast(dims, operand->type.dims);
    if (!merged)
      return error("operand shapes cannot be broadcast together: " + dense(dtype, dims).str() +
                       " and " + operand->type.str(),
                   op.location);
    dims = std::move(*merged);
    first = false;
  }
  return one(dtype, std::move(dims));
}

Expected<Types> broadcastAll(const Op &op) { return broadcastAs(op, typeOf(op, 0).dtype); }
Expected<Types> broadcastBool(const Op &op) { return broadcastAs(op, DType::Bool); }

bool isAxis(int64_t axis, unsigned rank) { return axis >= 0 && axis < static_cast<int64_t>(rank); }

bool areAxes(const std::vector<int64_t> &axes, unsigned rank) {
  for (size_t i = 0; i < axes.size(); ++i)
    if (!isAxis(axes[i], rank) || (i > 0 && axes[i] <= axes[i - 1]))
      return false;
  return true;
}

bool isPermutation(const std::vector<int64_t> &perm, unsigned rank) {
  std::vector<int64_t> sorted = perm;
  std::sort(sorted.begin(), sorted.end());
  if (sorted.size() != rank)
    return false;
  for (unsigned i = 0; i < rank; ++i)
    if (sorted[i] != static_cast<int64_t>(i))
      return false;
  return true;
}

bool allPositive(const std::vector<int64_t> &values) {
  return std::all_of(values.begin(), values.end(), [](int64_t v) { return v > 0; });
}

bool allNonNegative(const std::vector<int64_t> &values) {
  return std::all_of(values.begin(), values.end(), [](int64_t v) { return v >= 0; });
}

int64_t windowExtent(int64_t in, int64_t kernel, int64_t stride, int64_t dilation, int64_t padLow,
                     int64_t padHigh, bool ceilMode) {
  int64_t span = (kernel - 1) * dilation + 1;
  int64_t room = in + padLow + padHigh - span;
  if (room < 0)
    return -1;
  int64_t out = (ceilMode ? (room + stride - 1) / stride : room / stride) + 1;
  // ONNX: with ceil_mode a last window that would start in the padding after the data is dropped.
  if (ceilMode && (out - 1) * stride >= in + padLow)
    --out;
  return out;
}

std::vector<AxisMap> identityMaps(const Dims &dims) {
  std::vector<AxisMap> maps;
  for (unsigned i = 0; i < dims.size(); ++i)
    maps.push_back(AxisMap::loop(i));
  return maps;
}

std::vector<LoopAxis> parallelLoops(const Dims &dims) {
  std::vector<LoopAxis> loops;
  for (int64_t extent : dims)
    loops.push_back({extent, LoopAxis::Kind::Parallel});
  return loops;
}

std::vector<AxisMap> broadcastMaps(const Dims &from, const Dims &to) {
  std::vector<AxisMap> maps;
  unsigned shift = static_cast<unsigned>(to.size() - from.size());
  for (unsigned i = 0; i < from.size(); ++i)
    maps.push_back(from[i] == 1 ? AxisMap::constant(0) : AxisMap::loop(shift + i));
  return maps;
}

} // namespace edgecc::ops
