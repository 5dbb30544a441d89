#include "backends/native/loops/Windows.h"

#include "backends/native/loops/Rows.h"

#include <algorithm>
#include <llvm/IR/Intrinsics.h>

namespace edgecc::native {

using LlvmValue = llvm::Value;

std::vector<WindowPiece> windowPieces(const std::vector<WindowAxis> &windows,
                                      const Dims &resultDims, const Dims &resultStrides) {
  for (const WindowAxis &window : windows) {
    size_t axis = window.axis;
    if (resultStrides[axis] != 1 || resultDims[axis] == 1)
      continue;
    int64_t extent = resultDims[axis];
    int64_t first = 0, last = extent; // whole windows: [first, last)
    while (first < extent && window.start(first) < 0)
      ++first;
    while (last > first && window.last(last - 1) >= window.in)
      --last;
    std::vector<WindowPiece> pieces;
    if (first > 0)
      pieces.push_back({axis, 0, first, false});
    if (last > first)
      pieces.push_back({axis, first, last - first, true});
    if (extent > last)
      pieces.push_back({axis, last, extent - last, false});
    return pieces;
  }
  return {WindowPiece{}};
}

Expected<WindowPlan> WindowPlan::create(const Op &op, const Op &anchor,
                                        const std::vector<WindowAxis> &windows,
                                        const WindowPiece &piece, KernelBuilder &kernel) {
  EDGECC_CHECK(requireAnchorDims(op, anchor));
  WindowPlan plan;
  Nest &nest = plan.nest;
  nest.extents = anchor.result()->dims();
  size_t rank = nest.extents.size();
  std::vector<unsigned> results;
  for (unsigned r = 0; r < (&op == &anchor ? 1 : op.numResults()); ++r)
    results.push_back(r);
  EDGECC_TRY(
      code, RegionCode::create(op, &anchor, std::move(results), identityLoops(rank), kernel, nest));
  plan.code = code;
  const Value &x = outerValue(op, *anchor.operand(0));
  Dims strides = stridesOf(x);
  View view{kernel.addArg(x), x.type.dtype, strides, 0, {}};
  for (const WindowAxis &window : windows) {
    plan.views.tapStrides.push_back(strides[window.axis] * window.dilation);
    view.strides[window.axis] *= window.stride;
    view.offset -= window.padLow * strides[window.axis];
    View start{0, DType::I64, Dims(rank, 0), -window.padLow, {}, true};
    start.strides[window.axis] = window.stride;
    plan.views.starts.push_back(nest.addView(std::move(start)));
    int64_t extent = nest.extents[window.axis];
    bool whole = piece.cutAxis == window.axis
                     ? piece.whole
                     : extent == 0 || (window.start(0) >= 0 && window.last(extent - 1) < window.in);
    plan.views.clipped.push_back(!whole);
    nest.cost += window.kernel;
  }
  plan.views.x = nest.addView(std::move(view));
  return plan;
}

// How many taps start + k * dilation lie below a limit that is `room` away from the start.
LlvmValue *WindowLoops::tapsBelow(LlvmValue *room, const WindowAxis &window) {
  auto &b = e_.b;
  LlvmValue *positive = b.CreateBinaryIntrinsic(llvm::Intrinsic::smax, room, e_.i64(0));
  if (window.dilation != 1)
    positive =
        b.CreateUDiv(b.CreateAdd(positive, e_.i64(window.dilation - 1)), e_.i64(window.dilation));
  return b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, positive, e_.i64(window.kernel));
}

WindowLoops::Range WindowLoops::range(const Point &point, size_t i) {
  const WindowAxis &window = windows_[i];
  if (!views_.clipped[i])
    return {e_.i64(0), e_.i64(window.kernel)};
  LlvmValue *start = point.offset(views_.starts[i]);
  return {tapsBelow(e_.b.CreateNeg(start), window),
          tapsBelow(e_.b.CreateSub(e_.i64(window.in), start), window)};
}

std::vector<LlvmValue *> WindowLoops::fold(const Point &point, std::vector<LlvmValue *> init,
                                           const Body &body) {
  std::vector<Range> ranges;
  for (size_t i = 0; i < windows_.size(); ++i)
    ranges.push_back(range(point, i));
  return foldAxis(ranges, 0, point.offset(views_.x), {}, std::move(init), body);
}

std::vector<LlvmValue *> WindowLoops::foldAxis(const std::vector<Range> &ranges, size_t i,
                                               LlvmValue *offset, std::vector<LlvmValue *> taps,
                                               std::vector<LlvmValue *> carried, const Body &body) {
  if (i == windows_.size())
    return body(offset, taps, carried);
  auto tap = [&](LlvmValue *k, const std::vector<LlvmValue *> &values) {
    auto next = taps;
    next.push_back(k);
    LlvmValue *at = e_.b.CreateAdd(offset, e_.b.CreateMul(k, e_.i64(views_.tapStrides[i])));
    return foldAxis(ranges, i + 1, at, std::move(next), values, body);
  };
  constexpr int64_t kUnrolled = 4;
  bool innermost = i + 1 == windows_.size();
  if (innermost && !views_.clipped[i] && windows_[i].kernel <= kUnrolled) {
    for (int64_t k = 0; k < windows_[i].kernel; ++k)
      carried = tap(e_.i64(k), carried);
    return carried;
  }
  return e_.loop(ranges[i].low, ranges[i].high, 1, std::move(carried), tap, "tap");
}

LlvmValue *WindowLoops::count(const Point &point, bool withPadding) {
  LlvmValue *product = e_.i64(1);
  for (size_t i = 0; i < windows_.size(); ++i) {
    const WindowAxis &window = windows_[i];
    LlvmValue *along;
    if (!views_.clipped[i]) {
      along = e_.i64(window.kernel);
    } else if (withPadding) {
      LlvmValue *start = point.offset(views_.starts[i]);
      along = tapsBelow(e_.b.CreateSub(e_.i64(window.in + window.padHigh), start), window);
    } else {
      auto [low, high] = range(point, i);
      along =
          e_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smax, e_.b.CreateSub(high, low), e_.i64(0));
    }
    product = e_.b.CreateMul(product, along);
  }
  return product;
}

} // namespace edgecc::native
