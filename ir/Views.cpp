#include "ir/Views.h"

namespace edgecc {

static int64_t elementBytes(const Value &value) { return bitWidth(value.type.dtype) / 8; }

std::optional<Dims> reshapedStrides(const Dims &dims, const Dims &strides, const Dims &newDims) {
  // Axes of extent 1 have no stride to keep.
  Dims oldDims, oldStrides;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0)
      return rowMajorStrides(newDims);
    if (dims[i] != 1) {
      oldDims.push_back(dims[i]);
      oldStrides.push_back(strides[i]);
    }
  }
  Dims out(newDims.size(), 0);
  size_t oldEnd = oldDims.size(), newEnd = newDims.size();
  // From the innermost outwards, match groups of old axes with groups of new axes of the same size.
  while (newEnd > 0) {
    if (newDims[newEnd - 1] == 1) {
      out[--newEnd] = 0;
      continue;
    }
    if (oldEnd == 0)
      return std::nullopt;
    size_t oldBegin = oldEnd, newBegin = newEnd;
    int64_t oldSize = oldDims[--oldBegin], newSize = newDims[--newBegin];
    while (oldSize != newSize) {
      if (oldSize < newSize) {
        if (oldBegin == 0)
          return std::nullopt;
        --oldBegin;
        // Within a group the old axes must lie one behind the other.
        if (oldStrides[oldBegin] != oldStrides[oldBegin + 1] * oldDims[oldBegin + 1])
          return std::nullopt;
        oldSize *= oldDims[oldBegin];
      } else {
        if (newBegin == 0)
          return std::nullopt;
        newSize *= newDims[--newBegin];
      }
    }
    int64_t stride = oldStrides[oldEnd - 1];
    for (size_t i = newEnd; i-- > newBegin;) {
      out[i] = newDims[i] == 1 ? 0 : stride;
      stride *= newDims[i];
    }
    oldEnd = oldBegin;
    newEnd = newBegin;
  }
  return out;
}

std::optional<Storage> viewOf(const Op &op, const Storage &operand) {
  const Value &x = *op.operand(0);
  if (isSubByte(x.type.dtype) && op.kind() != OpKind::Identity)
    return std::nullopt;
  Storage view = operand;
  switch (op.kind()) {
  case OpKind::Identity:
  case OpKind::Reorder:
    return view;
  case OpKind::Transpose:
    for (size_t i = 0; i < view.strides.size(); ++i)
      view.strides[i] = operand.strides[static_cast<size_t>(op.ints("perm")[i])];
    return view;
  case OpKind::Slice:
    for (size_t i = 0; i < view.strides.size(); ++i) {
      view.offset += op.ints("starts")[i] * operand.strides[i] * elementBytes(x);
      view.strides[i] = operand.strides[i] * op.ints("steps")[i];
    }
    return view;
  case OpKind::Expand: {
    const Dims &out = op.result()->dims();
    size_t shift = out.size() - x.dims().size();
    view.strides.assign(out.size(), 0);
    for (size_t i = 0; i < x.dims().size(); ++i)
      view.strides[shift + i] = x.dims()[i] == 1 ? 0 : operand.strides[i];
    return view;
  }
  case OpKind::Reshape: {
    auto strides = reshapedStrides(x.dims(), operand.strides, op.result()->dims());
    if (!strides)
      return std::nullopt;
    view.strides = std::move(*strides);
    return view;
  }
  default:
    return std::nullopt;
  }
}

bool sameView(const Storage &a, const Storage &b, const Dims &dims) {
  if (a.space != b.space || a.index != b.index || a.offset != b.offset)
    return false;
  for (size_t i = 0; i < dims.size(); ++i)
    if (dims[i] > 1 && a.strides[i] != b.strides[i])
      return false;
  return true;
}

bool isMaterializedView(const Op &op) {
  if (op.numResults() != 1 || !op.operand(0) || !op.operand(0)->storage || !op.result()->storage)
    return false;
  auto view = viewOf(op, *op.operand(0)->storage);
  return view && sameView(*view, *op.result()->storage, op.result()->dims());
}

} // namespace edgecc
