#include "frontend/onnx/ops/Emit.h"

#include <algorithm>
#include <numeric>

namespace edgecc::importer {

int64_t normalizedAxis(const NodeContext &n, int64_t axis, size_t rank) {
  auto r = static_cast<int64_t>(rank);
  if (axis < -r || axis >= r)
    n.mismatch("axis " + std::to_string(axis) + " is outside of a tensor of rank " +
               std::to_string(rank));
  return axis < 0 ? axis + r : axis;
}

std::vector<int64_t> normalizedAxes(const NodeContext &n, std::vector<int64_t> axes, size_t rank) {
  for (int64_t &axis : axes)
    axis = normalizedAxis(n, axis, rank);
  std::ranges::sort(axes);
  if (std::ranges::adjacent_find(axes) != axes.end())
    n.fail("an axis is given twice");
  return axes;
}

std::vector<int64_t> allAxes(size_t rank) {
  std::vector<int64_t> axes(rank);
  std::iota(axes.begin(), axes.end(), int64_t{0});
  return axes;
}

Dims broadcastDims(const NodeContext &n, const Dims &a, const Dims &b) {
  Dims out(std::max(a.size(), b.size()), 1);
  for (size_t i = 0; i < out.size(); ++i) {
    int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1)
      n.mismatch("shapes cannot be broadcast together: " + Type{DType::F32, a, 0, {}}.str() +
                 " and " + Type{DType::F32, b, 0, {}}.str());
    out[out.size() - 1 - i] = x == 1 ? y : x;
  }
  return out;
}

Value *reshape(NodeContext &n, Value *x, Dims dims) {
  if (x->dims() == dims)
    return x;
  if (!isValidShape(dims))
    n.fail("cannot be reshaped to " + Type{x->type.dtype, {}, 0, {}}.str());
  return n.emit(OpKind::Reshape, {x}, {{"shape", std::move(dims)}});
}

Value *transpose(NodeContext &n, Value *x, std::vector<int64_t> perm) {
  if (std::ranges::is_sorted(perm) && perm.size() == x->dims().size())
    return x;
  return n.emit(OpKind::Transpose, {x}, {{"perm", std::move(perm)}});
}

Value *cast(NodeContext &n, Value *x, DType to) {
  return x->type.dtype == to ? x : n.emit(OpKind::Cast, {x}, {{"to", to}});
}

Value *expand(NodeContext &n, Value *x, Dims dims) {
  if (x->dims() == dims)
    return x;
  if (!isValidShape(dims))
    n.fail("the shape to expand to is not a valid one");
  return n.emit(OpKind::Expand, {x}, {{"shape", std::move(dims)}});
}

Value *sliceAxis(NodeContext &n, Value *x, int64_t axis, int64_t start, int64_t size,
                 int64_t step) {
  auto at = static_cast<size_t>(axis);
  if (start == 0 && step == 1 && size == x->dims()[at])
    return x;
  std::vector<int64_t> starts(x->dims().size(), 0), sizes = x->dims(), steps(starts.size(), 1);
  starts[at] = start;
  sizes[at] = size;
  steps[at] = step;
  return n.emit(OpKind::Slice, {x}, {{"starts", starts}, {"sizes", sizes}, {"steps", steps}});
}

Value *concat(NodeContext &n, const std::vector<Value *> &xs, int64_t axis) {
  return xs.size() == 1 ? xs[0] : n.emit(OpKind::Concat, xs, {{"axis", axis}});
}

Value *reduce(NodeContext &n, OpKind kind, Value *x, std::vector<int64_t> axes, bool keepdims) {
  return n.emit(kind, {x}, {{"axes", std::move(axes)}, {"keepdims", keepdims}});
}

Value *padAxes(NodeContext &n, Value *x, const std::vector<int64_t> &low,
               const std::vector<int64_t> &high, Value *value, const std::string &mode) {
  std::vector<int64_t> pads = low;
  pads.insert(pads.end(), high.begin(), high.end());
  if (std::ranges::all_of(pads, [](int64_t pad) { return pad == 0; }))
    return x;
  std::vector<Value *> operands{x};
  if (value)
    operands.push_back(value);
  return n.emit(OpKind::Pad, operands, {{"pads", std::move(pads)}, {"mode", mode}});
}

Value *swapLast(NodeContext &n, Value *x) {
  size_t rank = x->dims().size();
  std::vector<int64_t> perm = allAxes(rank);
  std::swap(perm.at(rank - 1), perm.at(rank - 2));
  return transpose(n, x, std::move(perm));
}

Value *perChannel(NodeContext &n, Value *x, size_t rank) {
  Dims dims(rank - 1, 1);
  dims[0] = x->type.elements();
  return reshape(n, x, std::move(dims));
}

} // namespace edgecc::importer
