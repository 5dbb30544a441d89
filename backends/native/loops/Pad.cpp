// Pad as copies: along each axis the result falls into segments that read the operand forwards,
// backwards or at one place; the products of the axes' segments are copied one after the other.
#include "backends/native/loops/Planning.h"

namespace edgecc::native {

namespace {

struct Segment {
  int64_t to, count;  // where in the result
  int64_t from, step; // which operand elements; step 0: one element repeated
  bool fill = false;  // the fill value instead
};

// Source of result position `i` (relative to the operand's first element).
int64_t sourceOf(int64_t i, int64_t extent, const std::string &mode) {
  if (mode == "edge")
    return std::clamp<int64_t>(i, 0, extent - 1);
  if (mode == "wrap")
    return ((i % extent) + extent) % extent;
  if (extent == 1)
    return 0;
  int64_t period = 2 * (extent - 1);
  int64_t phase = ((i % period) + period) % period;
  return phase < extent ? phase : period - phase;
}

std::vector<Segment> segmentsOf(int64_t extent, int64_t low, int64_t high,
                                const std::string &mode) {
  std::vector<Segment> segments;
  if (mode == "constant") {
    if (low > 0)
      segments.push_back({0, low, 0, 0, true});
    if (extent > 0)
      segments.push_back({low, extent, 0, 1});
    if (high > 0)
      segments.push_back({low + extent, high, 0, 0, true});
    return segments;
  }
  // Maximal runs of a constant step.
  for (int64_t i = 0; i < low + extent + high; ++i) {
    int64_t from = sourceOf(i - low, extent, mode);
    if (!segments.empty()) {
      Segment &last = segments.back();
      int64_t step = from - (last.from + (last.count - 1) * last.step);
      if (last.count == 1 && step >= -1 && step <= 1)
        last.step = step;
      if (step == last.step && step >= -1 && step <= 1) {
        ++last.count;
        continue;
      }
    }
    segments.push_back({i, 1, from, 0});
  }
  return segments;
}

constexpr size_t kMaxPieces = 512;

} // namespace

Expected<void> planPad(const Op &op, PlanContext &context) {
  const Value &x = *op.operand(0), &y = *op.result();
  size_t rank = x.dims().size();
  const auto &pads = op.ints("pads");
  std::vector<std::vector<Segment>> axes;
  size_t pieces = 1;
  for (size_t i = 0; i < rank; ++i) {
    axes.push_back(segmentsOf(x.dims()[i], pads[i], pads[rank + i], op.text("mode")));
    pieces *= std::max<size_t>(1, axes.back().size());
    if (pieces > kMaxPieces)
      return error("Pad repeats its operand too many times", op.location,
                   "pad by less than a few times the operand's extent");
  }
  if (y.type.elements() == 0)
    return {};
  DType bits = bitsOf(x.type.dtype);
  Dims from = stridesOf(x), to = stridesOf(y);
  KernelArg xArg = context.arg(x), yArg = context.arg(y);
  // An axis whose segment is filled makes the whole slab a fill; axes before it need no splitting,
  // so slabs of outer axes come first and inner axes only split what remains.
  std::function<void(size_t, Copy)> piece = [&](size_t axis, Copy copy) {
    if (axis == rank) {
      planCopy(copy, xArg, yArg, context);
      return;
    }
    for (const Segment &segment : axes[axis]) {
      Copy next = copy;
      next.extents[axis] = segment.count;
      next.toOffset += segment.to * to[axis];
      if (segment.fill) {
        planFill(next, op.operand(1), yArg, context);
        continue;
      }
      next.fromOffset += segment.from * from[axis];
      next.from[axis] = from[axis] * segment.step;
      piece(axis + 1, std::move(next));
    }
  };
  piece(0, {bits, y.dims(), from, to});
  return {};
}

} // namespace edgecc::native
