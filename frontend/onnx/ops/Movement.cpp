// Ops that move elements: slicing, joining, padding, rearranging.
#include "frontend/onnx/ops/Emit.h"
#include "frontend/onnx/ops/OpTable.h"

#include <algorithm>
#include <numeric>

namespace edgecc::importer {
namespace {

void importTranspose(NodeContext &n) {
  Value *x = n.input(0);
  size_t rank = x->dims().size();
  std::vector<int64_t> perm = n.intsAttribute("perm");
  if (!n.hasAttribute("perm")) {
    perm = allAxes(rank);
    std::ranges::reverse(perm);
  }
  std::vector<int64_t> sorted = perm;
  std::ranges::sort(sorted);
  if (sorted != allAxes(rank))
    n.mismatch("perm is not a permutation of the axes of " + x->type.str());
  n.setOutput(0, transpose(n, x, std::move(perm)));
}

// Start, size and step along one axis from ONNX's start, end and step, which count from the end
// where negative and are clamped.
struct AxisSlice {
  int64_t start, size, step;
};

AxisSlice clampSlice(int64_t start, int64_t end, int64_t step, int64_t extent) {
  constexpr int64_t kFar = int64_t{1} << 50;
  step = std::clamp(step, -kFar, kFar);
  start += start < 0 ? extent : 0;
  end += end < 0 ? extent : 0;
  if (step > 0) {
    start = std::clamp<int64_t>(start, 0, extent);
    end = std::clamp<int64_t>(end, 0, extent);
    int64_t size = end > start ? (end - start + step - 1) / step : 0;
    return {size > 0 ? start : 0, size, step};
  }
  start = std::clamp<int64_t>(start, -1, extent - 1);
  end = std::clamp<int64_t>(end, -1, extent - 1);
  int64_t size = start > end ? (start - end - step - 1) / -step : 0;
  return {size > 0 ? start : 0, size, step};
}

// Up to opset 9 starts, ends and axes are attributes.
void importSlice(NodeContext &n) {
  Value *x = n.input(0);
  auto starts = n.intsFrom("starts", 1, "the starts");
  auto ends = n.intsFrom("ends", 2, "the ends");
  if (!starts || !ends)
    n.fail("starts or ends are missing");
  std::vector<int64_t> axes = n.intsFrom("axes", 3, "the axes").value_or(allAxes(starts->size()));
  std::vector<int64_t> steps(starts->size(), 1);
  if (n.hasInput(4))
    steps = n.requireInts(4, "the steps");
  if (ends->size() != starts->size() || axes.size() != starts->size() ||
      steps.size() != starts->size())
    n.fail("starts, ends, axes and steps have different lengths");
  std::vector<int64_t> resultStarts(x->dims().size(), 0), sizes = x->dims(),
                                                          resultSteps(x->dims().size(), 1);
  for (size_t i = 0; i < axes.size(); ++i) {
    auto axis = static_cast<size_t>(normalizedAxis(n, axes[i], x->dims().size()));
    if (steps[i] == 0)
      n.fail("a step is 0");
    AxisSlice slice = clampSlice((*starts)[i], (*ends)[i], steps[i], x->dims()[axis]);
    resultStarts[axis] = slice.start;
    sizes[axis] = slice.size;
    resultSteps[axis] = slice.step;
  }
  bool whole = sizes == x->dims() &&
               std::ranges::all_of(resultSteps, [](int64_t step) { return step == 1; });
  n.setOutput(0,
              whole ? x
                    : n.emit(OpKind::Slice, {x},
                             {{"starts", resultStarts}, {"sizes", sizes}, {"steps", resultSteps}}));
}

// The extents of the parts are given (attribute up to opset 12, then operand), or follow from the
// number of parts (attribute num_outputs from opset 18 on, before that the number of outputs).
std::vector<int64_t> splitSizes(NodeContext &n, int64_t extent) {
  if (auto sizes = n.intsFrom("split", 1, "the sizes of the parts"))
    return *sizes;
  auto parts = n.intAttribute("num_outputs", static_cast<int64_t>(n.numOutputs()));
  if (parts != static_cast<int64_t>(n.numOutputs()) || parts < 1)
    n.fail("num_outputs is not the number of outputs");
  if (n.opset() < 18 && extent % parts != 0)
    n.fail("the axis of extent " + std::to_string(extent) + " cannot be divided into " +
           std::to_string(parts) + " equal parts");
  std::vector<int64_t> sizes;
  int64_t chunk = (extent + parts - 1) / parts;
  for (int64_t i = 0; i < parts; ++i)
    sizes.push_back(std::clamp<int64_t>(extent - i * chunk, 0, chunk));
  return sizes;
}

void importSplit(NodeContext &n) {
  Value *x = n.input(0);
  int64_t axis = normalizedAxis(n, n.intAttribute("axis", 0), x->dims().size());
  int64_t extent = x->dims()[static_cast<size_t>(axis)];
  std::vector<int64_t> sizes = splitSizes(n, extent);
  int64_t start = 0;
  if (sizes.size() != n.numOutputs())
    n.fail("has " + std::to_string(n.numOutputs()) + " outputs, but splits into " +
           std::to_string(sizes.size()) + " parts");
  for (unsigned i = 0; i < n.numOutputs(); ++i) {
    if (sizes[i] < 0 || sizes[i] > extent - start)
      n.mismatch("the sizes of the parts do not add up to the extent " + std::to_string(extent));
    if (n.hasOutput(i))
      n.setOutput(i, sliceAxis(n, x, axis, start, sizes[i]));
    start += sizes[i];
  }
  if (start != extent)
    n.mismatch("the sizes of the parts do not add up to the extent " + std::to_string(extent));
}

void importConcat(NodeContext &n) {
  std::vector<Value *> operands;
  for (unsigned i = 0; i < n.numInputs(); ++i)
    operands.push_back(n.input(i));
  if (operands.empty())
    n.fail("has no operands");
  int64_t axis = normalizedAxis(n, n.intAttribute("axis"), operands[0]->dims().size());
  n.setOutput(0, concat(n, operands, axis));
}

// Negative pads crop.
Value *padOrCrop(NodeContext &n, Value *x, std::vector<int64_t> low, std::vector<int64_t> high,
                 Value *value, const std::string &mode) {
  constexpr int64_t kFar = int64_t{1} << 48;
  for (size_t axis = 0; axis < low.size(); ++axis) {
    if (low[axis] < -kFar || low[axis] > kFar || high[axis] < -kFar || high[axis] > kFar)
      n.fail("a pad is too large");
    int64_t cropLow = std::max<int64_t>(-low[axis], 0),
            cropHigh = std::max<int64_t>(-high[axis], 0);
    int64_t left = x->dims()[axis] - cropLow - cropHigh;
    if (left < 0)
      n.mismatch("crops more than there is along axis " + std::to_string(axis));
    x = sliceAxis(n, x, static_cast<int64_t>(axis), left > 0 ? cropLow : 0, left);
    low[axis] = std::max<int64_t>(low[axis], 0);
    high[axis] = std::max<int64_t>(high[axis], 0);
  }
  return padAxes(n, x, low, high, value, mode);
}

// Up to opset 10 pads and value are attributes; from opset 18 on there may be a list of axes.
void importPad(NodeContext &n) {
  Value *x = n.input(0);
  size_t rank = x->dims().size();
  auto pads = n.intsFrom("pads", 1, "the pads");
  if (!pads)
    n.fail("the pads are missing");
  std::vector<int64_t> axes = n.hasInput(3) ? n.requireInts(3, "the axes") : allAxes(rank);
  if (pads->size() != 2 * axes.size())
    n.fail("needs two pads for each axis, has " + std::to_string(pads->size()));
  std::vector<int64_t> low(rank, 0), high(rank, 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    auto axis = static_cast<size_t>(normalizedAxis(n, axes[i], rank));
    low[axis] = (*pads)[i];
    high[axis] = (*pads)[axes.size() + i];
  }
  std::string mode = n.stringAttribute("mode", "constant");
  Value *value = nullptr;
  if (mode == "constant") {
    value = n.opset() < 11 ? nullptr : n.optionalInput(2);
    if (n.hasAttribute("value") && n.floatAttribute("value", 0) != 0)
      value = scalarLike(n, x, n.floatAttribute("value", 0));
  }
  n.setOutput(0, padOrCrop(n, x, std::move(low), std::move(high), value, mode));
}

// Crops or pads each axis around its centre.
void importCenterCropPad(NodeContext &n) {
  Value *x = n.input(0);
  size_t rank = x->dims().size();
  std::vector<int64_t> shape = n.requireInts(1, "the shape");
  std::vector<int64_t> axes = n.hasAttribute("axes") ? n.intsAttribute("axes") : allAxes(rank);
  if (shape.size() != axes.size() || !isValidShape(shape))
    n.fail("needs one extent for each axis");
  std::vector<int64_t> low(rank, 0), high(rank, 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    auto axis = static_cast<size_t>(normalizedAxis(n, axes[i], rank));
    int64_t extra = shape[i] - x->dims()[axis];
    low[axis] = extra / 2; // truncation: a crop starts at the lower half as well
    high[axis] = extra - low[axis];
  }
  n.setOutput(0, padOrCrop(n, x, std::move(low), std::move(high), nullptr, "constant"));
}

void importTile(NodeContext &n) {
  Value *x = n.input(0);
  std::vector<int64_t> repeats = n.requireInts(1, "the repeats");
  Dims dims = x->dims();
  if (repeats.size() != dims.size())
    n.mismatch("needs one repeat for each axis of " + x->type.str());
  for (size_t i = 0; i < dims.size(); ++i)
    if (__builtin_mul_overflow(dims[i], repeats[i], &dims[i]))
      n.fail("the result would be too large");
  if (!isValidShape(dims))
    n.fail("the result would be too large");
  n.setOutput(0, n.emit(OpKind::Tile, {x}, {{"repeats", std::move(repeats)}}));
}

void importDepthToSpace(NodeContext &n) {
  n.setOutput(0, n.emit(OpKind::DepthToSpace, {n.input(0)},
                        {{"blocksize", n.intAttribute("blocksize")},
                         {"mode", n.stringAttribute("mode", "DCR")}}));
}

void importSpaceToDepth(NodeContext &n) {
  n.setOutput(
      0, n.emit(OpKind::SpaceToDepth, {n.input(0)}, {{"blocksize", n.intAttribute("blocksize")}}));
}

void importTrilu(NodeContext &n) {
  int64_t k = 0;
  if (n.hasInput(1)) {
    auto given = n.requireInts(1, "the diagonal k");
    k = given.empty() ? 0 : given[0];
  }
  n.setOutput(0, n.emit(OpKind::Trilu, {n.input(0)}, {{"upper", n.flag("upper", true)}, {"k", k}}));
}

void importReverseSequence(NodeContext &n) {
  n.setOutput(0, n.emit(OpKind::ReverseSequence, {n.input(0), n.input(1)},
                        {{"batch_axis", n.intAttribute("batch_axis", 1)},
                         {"time_axis", n.intAttribute("time_axis", 0)}}));
}

void importOneHot(NodeContext &n) {
  Value *indices = n.input(0);
  const Tensor &depth = n.requireConstant(1, "the depth");
  if (depth.elements() != 1)
    n.fail("the depth must be a scalar");
  int64_t axis = normalizedAxis(n, n.intAttribute("axis", -1), indices->dims().size() + 1);
  n.setOutput(0, n.emit(OpKind::OneHot, {indices, n.input(2)},
                        {{"depth", depth.asInt(0)}, {"axis", axis}}));
}

} // namespace

void addMovementOps(OpTable &table) {
  table.add("CenterCropPad", importCenterCropPad);
  table.add("Concat", importConcat);
  table.add("DepthToSpace", importDepthToSpace);
  table.add("OneHot", importOneHot);
  table.add("Pad", importPad);
  table.add("ReverseSequence", importReverseSequence);
  table.add("Slice", importSlice);
  table.add("SpaceToDepth", importSpaceToDepth);
  table.add("Split", importSplit);
  table.add("Tile", importTile);
  table.add("Transpose", importTranspose);
  table.add("Trilu", importTrilu);
}

} // namespace edgecc::importer
