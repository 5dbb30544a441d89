#include "passes/channels/Labels.h"

#include "ir/OpDef.h"

#include <algorithm>

namespace edgecc {

Labels Labels::along(size_t rank, unsigned axis, std::vector<uint32_t> ids) {
  Labels labels{Dims(rank, 1), std::move(ids)};
  labels.extents[axis] = static_cast<int64_t>(labels.ids.size());
  return labels;
}

std::optional<unsigned> Labels::axis() const {
  std::optional<unsigned> found;
  for (unsigned i = 0; i < extents.size(); ++i)
    if (extents[i] != 1) {
      if (found)
        return std::nullopt;
      found = i;
    }
  return found;
}

// Calls fn(index) for all indices of `extents` in row-major order.
template <class Fn> static void forEachIndex(const Dims &extents, Fn &&fn) {
  Dims index(extents.size(), 0);
  for (int64_t left = numElements(extents); left > 0; --left) {
    fn(index);
    for (size_t i = extents.size(); i-- > 0 && ++index[i] == extents[i];)
      index[i] = 0;
  }
}

Labels Labels::broadcast(const Dims &to) const {
  Labels out{to, {}};
  Dims strides = rowMajorStrides(extents);
  forEachIndex(to, [&](const Dims &index) {
    int64_t from = 0;
    for (size_t i = 0; i < to.size(); ++i)
      from += extents[i] == 1 ? 0 : index[i] * strides[i];
    out.ids.push_back(ids[static_cast<size_t>(from)]);
  });
  return out;
}

// Drops the axes along which all labels are equal.
static void shrink(Labels &labels) {
  for (size_t axis = 0; axis < labels.extents.size(); ++axis) {
    int64_t extent = labels.extents[axis], inner = 1;
    if (extent == 1)
      continue;
    for (size_t i = axis + 1; i < labels.extents.size(); ++i)
      inner *= labels.extents[i];
    auto size = static_cast<int64_t>(labels.ids.size());
    std::vector<uint32_t> kept;
    bool equal = true;
    for (int64_t i = 0; i < size && equal; ++i) {
      bool first = i / inner % extent == 0;
      if (first)
        kept.push_back(labels.ids[static_cast<size_t>(i)]);
      else
        equal = labels.ids[static_cast<size_t>(i)] == labels.ids[static_cast<size_t>(i - inner)];
    }
    if (equal) {
      labels.ids = std::move(kept);
      labels.extents[axis] = 1;
    }
  }
}

// Runs of axes of operand and result with the same number of elements are neighbours in memory on
// both sides; within each run the labels are written out.
static std::optional<Labels> reshaped(const Op &op, const Labels &operand) {
  const Type &from = op.operand(0)->type, &to = op.result()->type;
  if (!from.isStatic() || !to.isStatic() || from.elements() == 0)
    return std::nullopt;
  Dims expanded(from.dims.size(), 1), extents(to.dims.size(), 1);
  for (size_t i = 0, j = 0; i < from.dims.size() && j < to.dims.size();) {
    size_t i0 = i, j0 = j;
    int64_t p = from.dims[i++], q = to.dims[j++];
    while (p != q)
      p < q ? p *= from.dims[i++] : q *= to.dims[j++];
    if (std::any_of(operand.extents.begin() + static_cast<std::ptrdiff_t>(i0),
                    operand.extents.begin() + static_cast<std::ptrdiff_t>(i),
                    [](int64_t extent) { return extent != 1; })) {
      std::copy(from.dims.begin() + static_cast<std::ptrdiff_t>(i0),
                from.dims.begin() + static_cast<std::ptrdiff_t>(i),
                expanded.begin() + static_cast<std::ptrdiff_t>(i0));
      std::copy(to.dims.begin() + static_cast<std::ptrdiff_t>(j0),
                to.dims.begin() + static_cast<std::ptrdiff_t>(j),
                extents.begin() + static_cast<std::ptrdiff_t>(j0));
    }
  }
  if (numElements(expanded) > kMaxLabels)
    return std::nullopt;
  Labels out = operand.broadcast(expanded);
  out.extents = std::move(extents);
  shrink(out);
  return out;
}

// Resize, Pad and Tile of other axes than those with labels.
static std::optional<Labels> axisByAxis(const Op &op, const Labels &operand) {
  for (size_t i = 0; i < operand.extents.size(); ++i)
    if (operand.extents[i] != 1 && op.operand(0)->dims()[i] != op.result()->dims()[i])
      return std::nullopt;
  return operand;
}

std::optional<Labels> labelsThrough(const Op &op, unsigned i, const Labels &operand) {
  const Dims &result = op.result()->dims();
  if (operand.uniform())
    return Labels::all(result.size(), operand.ids[0]);
  switch (op.kind()) {
  case OpKind::Reshape:
    return reshaped(op, operand);
  case OpKind::Resize:
  case OpKind::Pad:
  case OpKind::Tile:
    return axisByAxis(op, operand);
  default:
    break;
  }
  auto space = iterationSpace(op);
  if (!space || i >= space->operands.size() || space->operands[i].size() != operand.extents.size())
    return std::nullopt;
  struct Source {
    size_t operandAxis;
    int64_t offset, step;
  };
  std::vector<std::optional<Source>> sources(result.size());
  Labels out{Dims(result.size(), 1), {}};
  for (size_t k = 0; k < operand.extents.size(); ++k) {
    if (operand.extents[k] == 1)
      continue;
    const AxisMap &map = space->operands[i][k];
    if (map.whole || map.terms.size() != 1)
      return std::nullopt;
    size_t j = 0;
    while (j < result.size() && space->results[0][j] != AxisMap::loop(map.terms[0].loop))
      ++j;
    int64_t last = j < result.size() ? map.offset + map.terms[0].coefficient * (result[j] - 1) : -1;
    if (last < 0 || last >= operand.extents[k] || map.offset < 0 ||
        map.offset >= operand.extents[k] || sources[j])
      return std::nullopt;
    sources[j] = Source{k, map.offset, map.terms[0].coefficient};
    out.extents[j] = result[j];
  }
  Dims strides = rowMajorStrides(operand.extents);
  forEachIndex(out.extents, [&](const Dims &index) {
    int64_t from = 0;
    for (size_t j = 0; j < index.size(); ++j)
      if (sources[j])
        from +=
            (sources[j]->offset + sources[j]->step * index[j]) * strides[sources[j]->operandAxis];
    out.ids.push_back(operand.ids[static_cast<size_t>(from)]);
  });
  return out;
}

std::optional<Labels> concatenated(const Op &concat, const std::vector<const Labels *> &operands) {
  auto axis = static_cast<size_t>(concat.integer("axis"));
  Dims extents(concat.result()->dims().size(), 1);
  for (const Labels *labels : operands)
    for (size_t i = 0; i < extents.size(); ++i)
      extents[i] = std::max(extents[i], labels->extents[i]);
  extents[axis] = concat.result()->dims()[axis];
  if (numElements(extents) > kMaxLabels)
    return std::nullopt;
  Labels out{extents, std::vector<uint32_t>(static_cast<size_t>(numElements(extents)))};
  Dims strides = rowMajorStrides(extents);
  int64_t start = 0;
  for (size_t i = 0; i < operands.size(); ++i) {
    Dims part = extents;
    part[axis] = concat.operand(static_cast<unsigned>(i))->dims()[axis];
    Labels whole = operands[i]->broadcast(part);
    size_t next = 0;
    forEachIndex(part, [&](const Dims &index) {
      int64_t to = start * strides[axis];
      for (size_t k = 0; k < index.size(); ++k)
        to += index[k] * strides[k];
      out.ids[static_cast<size_t>(to)] = whole.ids[next++];
    });
    start += part[axis];
  }
  shrink(out);
  return out;
}

} // namespace edgecc
