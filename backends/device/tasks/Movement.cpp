// Data movement as strided copies between packed tensors.
#include "backends/device/tasks/Lowering.h"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

namespace edgecc::device {

namespace {

tl::unexpected<Diagnostics> no(const Op &op, std::string_view why) {
  return error(fmt::format("{} {}", op.name(), why), op.location);
}

// Copies above this number are a gather, which engines do not have.
constexpr size_t kMaxCopies = 256;

// Adds a copy, without axes of extent 1, and with neighbours that lie evenly joined into one axis.
void addCopy(emulator::MoveT &move, uint32_t input, const Dims &dims, int64_t from,
             const Dims &fromStrides, int64_t to, const Dims &toStrides) {
  auto copy = std::make_unique<emulator::CopyT>();
  copy->input = input;
  copy->from_offset = from;
  copy->to_offset = to;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0)
      return;
    if (dims[i] == 1)
      continue;
    if (!copy->dims.empty() && copy->from_strides.back() == dims[i] * fromStrides[i] &&
        copy->to_strides.back() == dims[i] * toStrides[i]) {
      copy->dims.back() *= dims[i];
      copy->from_strides.back() = fromStrides[i];
      copy->to_strides.back() = toStrides[i];
      continue;
    }
    copy->dims.push_back(dims[i]);
    copy->from_strides.push_back(fromStrides[i]);
    copy->to_strides.push_back(toStrides[i]);
  }
  move.copies.push_back(std::move(copy));
}

Dims permuted(const Dims &values, const std::vector<int64_t> &perm) {
  Dims result;
  for (int64_t axis : perm)
    result.push_back(values[static_cast<size_t>(axis)]);
  return result;
}

// A reshape of the operand, a transpose of that, and a reshape to the result.
void addShuffle(emulator::MoveT &move, const Dims &dims, const std::vector<int64_t> &perm) {
  Dims out = permuted(dims, perm);
  addCopy(move, 0, out, 0, permuted(packedStrides(dims), perm), 0, packedStrides(out));
}

void slice(const Op &op, emulator::MoveT &move) {
  Dims from = packedStrides(op.operand(0)->dims());
  int64_t offset = 0;
  for (size_t i = 0; i < from.size(); ++i) {
    offset += op.ints("starts")[i] * from[i];
    from[i] *= op.ints("steps")[i];
  }
  addCopy(move, 0, op.ints("sizes"), offset, from, 0, packedStrides(op.result()->dims()));
}

void concat(const Op &op, Task &task, emulator::MoveT &move) {
  Dims to = packedStrides(op.result()->dims());
  auto axis = static_cast<size_t>(op.integer("axis"));
  int64_t at = 0;
  for (const Value *operand : op.operands()) {
    addCopy(move, addInput(task, operand), operand->dims(), 0, packedStrides(operand->dims()),
            at * to[axis], to);
    at += operand->dims()[axis];
  }
}

// How positions [at, at + count) of a padded axis follow from those of the operand.
struct Segment {
  int64_t at, count, from, step;
};

// Padding of one axis that repeats elements; none where one repetition is not enough.
std::optional<std::vector<Segment>> segmentsOf(const std::string &mode, int64_t n, int64_t low,
                                               int64_t high) {
  std::vector<Segment> segments{{low, n, 0, 1}};
  if (mode == "edge") {
    segments.push_back({0, low, 0, 0});
    segments.push_back({low + n, high, n - 1, 0});
  } else if (mode == "reflect") {
    if (low >= n || high >= n)
      return std::nullopt;
    segments.push_back({0, low, low, -1});
    segments.push_back({low + n, high, n - 2, -1});
  } else if (mode == "wrap") {
    if (low > n || high > n)
      return std::nullopt;
    segments.push_back({0, low, n - low, 1});
    segments.push_back({low + n, high, 0, 1});
  }
  std::erase_if(segments, [](const Segment &s) { return s.count == 0; });
  return segments;
}

Expected<void> pad(const Op &op, emulator::MoveT &move) {
  const Dims &x = op.operand(0)->dims();
  size_t rank = x.size();
  if (op.operand(1)) {
    const Tensor *fill = constantOf(op.operand(1));
    if (!fill)
      return no(op, "has a fill value that is computed, and engines take constants");
    move.fill = fill->asDouble(0);
  }
  Dims from = packedStrides(x), to = packedStrides(op.result()->dims());
  std::vector<std::vector<Segment>> axes;
  size_t copies = 1;
  for (size_t i = 0; i < rank; ++i) {
    auto segments =
        segmentsOf(op.text("mode"), x[i], op.ints("pads")[i], op.ints("pads")[rank + i]);
    if (!segments)
      return no(op, "repeats more elements than there are");
    copies *= segments->size();
    if (copies > kMaxCopies)
      return no(op, "pads too many axes by repetition");
    axes.push_back(std::move(*segments));
  }
  for (size_t index = 0; index < copies; ++index) { // every combination of segments
    Dims dims, fromStrides;
    int64_t fromOffset = 0, toOffset = 0;
    size_t rest = index;
    for (size_t i = 0; i < rank; ++i) {
      const Segment &segment = axes[i][rest % axes[i].size()];
      rest /= axes[i].size();
      dims.push_back(segment.count);
      fromStrides.push_back(segment.step * from[i]);
      fromOffset += segment.from * from[i];
      toOffset += segment.at * to[i];
    }
    addCopy(move, 0, dims, fromOffset, fromStrides, toOffset, to);
  }
  return {};
}

void expand(const Op &op, emulator::MoveT &move) {
  const Dims &x = op.operand(0)->dims(), &y = op.result()->dims();
  Dims own = packedStrides(x), from(y.size(), 0);
  for (size_t i = 0; i < x.size(); ++i)
    if (x[x.size() - 1 - i] != 1)
      from[y.size() - 1 - i] = own[x.size() - 1 - i];
  addCopy(move, 0, y, 0, from, 0, packedStrides(y));
}

Expected<void> tile(const Op &op, emulator::MoveT &move) {
  const Dims &x = op.operand(0)->dims();
  Dims from = packedStrides(x), to = packedStrides(op.result()->dims());
  Dims dims, fromStrides, toStrides;
  for (size_t i = 0; i < x.size(); ++i) {
    dims.insert(dims.end(), {op.ints("repeats")[i], x[i]});
    fromStrides.insert(fromStrides.end(), {0, from[i]});
    toStrides.insert(toStrides.end(), {x[i] * to[i], to[i]});
  }
  addCopy(move, 0, dims, 0, fromStrides, 0, toStrides);
  if (!move.copies.empty() && move.copies[0]->dims.size() > emulator::kMaxRank)
    return no(op, "repeats more axes than engines have");
  return {};
}

void shufflePixels(const Op &op, emulator::MoveT &move) {
  const Dims &x = op.operand(0)->dims();
  int64_t b = op.integer("blocksize");
  if (op.kind() == OpKind::SpaceToDepth)
    return addShuffle(move, {x[0], x[1], x[2] / b, b, x[3] / b, b}, {0, 3, 5, 1, 2, 4});
  int64_t channels = x[1] / (b * b);
  if (op.text("mode") == "DCR")
    return addShuffle(move, {x[0], b, b, channels, x[2], x[3]}, {0, 3, 4, 1, 5, 2});
  return addShuffle(move, {x[0], channels, b, b, x[2], x[3]}, {0, 1, 4, 2, 5, 3});
}

// Constant indices: one copy for each run of them that ascends evenly.
Expected<void> gather(const Op &op, emulator::MoveT &move) {
  const Tensor *constant = constantOf(op.operand(1));
  if (!constant)
    return no(op, "picks by computed indices, which no engine does");
  const Dims &x = op.operand(0)->dims();
  auto axis = static_cast<size_t>(op.integer("axis"));
  int64_t outer = 1, inner = 1, count = constant->elements();
  for (size_t i = 0; i < x.size(); ++i)
    (i < axis ? outer : inner) *= i == axis ? 1 : x[i];
  std::vector<int64_t> picks = constant->asInts();
  for (int64_t &pick : picks) {
    pick += pick < 0 ? x[axis] : 0;
    if (pick < 0 || pick >= x[axis])
      return no(op, "picks an element that is not there");
  }
  for (int64_t first = 0; first < count;) {
    auto at = [&](int64_t i) { return picks[static_cast<size_t>(i)]; };
    int64_t step = first + 1 < count ? at(first + 1) - at(first) : 1, last = first + 1;
    while (last < count && at(last) - at(last - 1) == step)
      ++last;
    addCopy(move, 0, {outer, last - first, inner}, at(first) * inner,
            {x[axis] * inner, step * inner, 1}, first * inner, {count * inner, inner, 1});
    if (move.copies.size() > kMaxCopies)
      return no(op, "picks elements in no order that copies follow");
    first = last;
  }
  return {};
}

} // namespace

Expected<Task> movementTask(const Op &op) {
  if (isSubByte(op.result()->type.dtype))
    return no(op, "moves 4-bit elements, which no engine does");
  Task task = taskFor(op);
  emulator::MoveT move;
  const Dims &x = op.operand(0)->dims();
  if (op.kind() != OpKind::Concat)
    addInput(task, op.operand(0));
  switch (op.kind()) {
  case OpKind::Reshape:
    addCopy(move, 0, x, 0, packedStrides(x), 0, packedStrides(x));
    break;
  case OpKind::Transpose:
    addShuffle(move, x, op.ints("perm"));
    break;
  case OpKind::Slice:
    slice(op, move);
    break;
  case OpKind::Concat:
    concat(op, task, move);
    break;
  case OpKind::Pad:
    EDGECC_CHECK(pad(op, move));
    break;
  case OpKind::Expand:
    expand(op, move);
    break;
  case OpKind::Tile:
    EDGECC_CHECK(tile(op, move));
    break;
  case OpKind::DepthToSpace:
  case OpKind::SpaceToDepth:
    shufflePixels(op, move);
    break;
  case OpKind::Gather:
    EDGECC_CHECK(gather(op, move));
    break;
  default:
    assert(false && "not data movement");
  }
  task.kernel.Set(std::move(move));
  return task;
}

} // namespace edgecc::device
