// Data movement with index maps known at compile time: every op becomes copies between strided
// arrays, some after an axis is split in two.
#include "backends/native/Families.h"
#include "backends/native/loops/Planning.h"
#include "ir/Views.h"

#include <algorithm>

namespace edgecc::native {

namespace {

// A reshape that is no view: both sides as one more common refinement of their axes. Where there is
// none, the longer way through an odometer would be needed; operands that memory planning keeps
// dense always have one.
std::optional<Copy> reshapeCopy(const Op &op) {
  const Value &x = *op.operand(0), &y = *op.result();
  Dims from = stridesOf(x), to = stridesOf(y);
  Copy copy{bitsOf(x.type.dtype), {}, {}, {}};
  if (auto view = reshapedStrides(x.dims(), from, y.dims())) {
    copy.extents = y.dims();
    copy.from = *view;
    copy.to = to;
    return copy;
  }
  if (auto view = reshapedStrides(y.dims(), to, x.dims())) {
    copy.extents = x.dims();
    copy.from = from;
    copy.to = *view;
    return copy;
  }
  // Common refinement, from the innermost axis outwards.
  Dims a = x.dims(), b = y.dims();
  int64_t fromScale = 1, toScale = 1; // how much of the current axes is already taken
  size_t i = a.size(), j = b.size();
  while (i > 0 || j > 0) {
    if (i > 0 && a[i - 1] == 1) {
      --i;
      fromScale = 1;
      continue;
    }
    if (j > 0 && b[j - 1] == 1) {
      --j;
      toScale = 1;
      continue;
    }
    if (i == 0 || j == 0)
      return std::nullopt;
    int64_t extent = std::min(a[i - 1], b[j - 1]);
    if (a[i - 1] % extent != 0 || b[j - 1] % extent != 0)
      return std::nullopt;
    copy.extents.insert(copy.extents.begin(), extent);
    copy.from.insert(copy.from.begin(), from[i - 1] * fromScale);
    copy.to.insert(copy.to.begin(), to[j - 1] * toScale);
    a[i - 1] /= extent;
    b[j - 1] /= extent;
    fromScale *= extent;
    toScale *= extent;
    if (a[i - 1] == 1)
      --i, fromScale = 1;
    if (b[j - 1] == 1)
      --j, toScale = 1;
  }
  return copy;
}

// [N, C, H, W] <-> [N, C b b, H / b, W / b]: `deep` is the array with more channels.
Copy pixelShuffle(const Dims &deep, const Dims &deepStrides, const Dims &wideStrides, int64_t b,
                  bool channelMajor, bool toDeep, DType bits) {
  int64_t c = deep[1] / (b * b), h = deep[2], w = deep[3];
  // Loops: n, c, h, by, w, bx.
  Copy copy{bits, {deep[0], c, h, b, w, b}, {}, {}};
  int64_t channel = deepStrides[1];
  Dims deepSide{deepStrides[0], channelMajor ? channel * b * b : channel,
                deepStrides[2], channelMajor ? channel * b : channel * c * b,
                deepStrides[3], channelMajor ? channel : channel * c};
  Dims wideSide{wideStrides[0], wideStrides[1],     wideStrides[2] * b,
                wideStrides[2], wideStrides[3] * b, wideStrides[3]};
  copy.from = toDeep ? wideSide : deepSide;
  copy.to = toDeep ? deepSide : wideSide;
  return copy;
}

std::optional<Copy> copyOf(const Op &op) {
  const Value &x = *op.operand(0), &y = *op.result();
  DType bits = bitsOf(x.type.dtype);
  Dims from = stridesOf(x), to = stridesOf(y);
  switch (op.kind()) {
  case OpKind::Identity:
  case OpKind::Reorder:
    return Copy{bits, y.dims(), from, to};
  case OpKind::Transpose: {
    Dims permuted;
    for (int64_t axis : op.ints("perm"))
      permuted.push_back(from[static_cast<size_t>(axis)]);
    return Copy{bits, y.dims(), permuted, to};
  }
  case OpKind::Slice: {
    Copy copy{bits, y.dims(), from, to};
    for (size_t i = 0; i < from.size(); ++i) {
      copy.fromOffset += op.ints("starts")[i] * from[i];
      copy.from[i] *= op.ints("steps")[i];
    }
    return copy;
  }
  case OpKind::Expand: {
    Copy copy{bits, y.dims(), Dims(y.dims().size(), 0), to};
    size_t shift = y.dims().size() - x.dims().size();
    for (size_t i = 0; i < from.size(); ++i)
      copy.from[shift + i] = x.dims()[i] == 1 ? 0 : from[i];
    return copy;
  }
  case OpKind::Reshape:
    return reshapeCopy(op);
  case OpKind::Tile: {
    Copy copy{bits, {}, {}, {}};
    for (size_t i = 0; i < from.size(); ++i) {
      copy.extents.insert(copy.extents.end(), {op.ints("repeats")[i], x.dims()[i]});
      copy.from.insert(copy.from.end(), {0, from[i]});
      copy.to.insert(copy.to.end(), {to[i] * x.dims()[i], to[i]});
    }
    return copy;
  }
  case OpKind::DepthToSpace:
    return pixelShuffle(x.dims(), from, to, op.integer("blocksize"), op.text("mode") == "CRD",
                        false, bits);
  default:
    assert(op.kind() == OpKind::SpaceToDepth);
    return pixelShuffle(y.dims(), to, from, op.integer("blocksize"), false, true, bits);
  }
}

// Byte address of element (0, ...) for a comparison of places.
bool liesAt(const Value &part, const Value &whole, int64_t elementOffset) {
  if (!part.storage || !whole.storage || isSubByte(part.type.dtype))
    return false;
  Storage place = *whole.storage;
  place.offset += elementOffset * (bitWidth(whole.type.dtype) / 8);
  return sameView(*part.storage, place, part.dims());
}

} // namespace

Expected<void> planMovement(const Op &op, PlanContext &context) {
  if (op.kind() == OpKind::Concat)
    return planConcat(op, context);
  if (op.kind() == OpKind::Pad)
    return planPad(op, context);
  auto copy = copyOf(op);
  if (!copy)
    return error("the operand's layout cannot be reshaped by a copy", op.location);
  planCopy(*copy, context.arg(*op.operand(0)), context.arg(*op.result()), context);
  return {};
}

Expected<void> planConcat(const Op &op, PlanContext &context) {
  const Value &y = *op.result();
  auto axis = static_cast<size_t>(op.integer("axis"));
  Dims to = stridesOf(y);
  int64_t at = 0;
  for (const Value *x : op.operands()) {
    int64_t offset = at * to[axis];
    at += x->dims()[axis];
    if (liesAt(*x, y, offset))
      continue;
    planCopy({bitsOf(x->type.dtype), x->dims(), stridesOf(*x), to, 0, offset}, context.arg(*x),
             context.arg(y), context);
  }
  return {};
}

} // namespace edgecc::native
