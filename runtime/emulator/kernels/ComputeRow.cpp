// SPDX-License-Identifier: Apache-2.0
//
// One row as a smaller problem: operands are cut down to what the row reads, and the kernel's
// attributes follow.
#include "runtime/emulator/kernels/Move.h"
#include "runtime/emulator/kernels/Rows.h"

#include <algorithm>
#include <limits>

namespace edgecc::emulator {

namespace {

using Dims = std::vector<int64_t>;

struct RowProblem {
  const KernelUnion &kernel;
  Stages stages;
  Inputs inputs;
  std::span<const RowRange> ranges;
  std::span<const Dims> inputDims;
  std::span<const int> inputRowAxes;
  const Operand &output;
  std::span<const int64_t> outputDims;
  int outputRowAxis;
  int64_t row;

  // The first row that is at hand.
  int64_t firstRow(size_t input) const {
    int axis = inputRowAxes[input];
    return axis < 0 ? 0
                    : std::clamp<int64_t>(ranges[input].first, 0,
                                          inputDims[input][static_cast<size_t>(axis)]);
  }

  // Positions [first, first + count) along an axis, of an input of which rows may be missing.
  Operand part(size_t input, int axis, int64_t first, int64_t count) const {
    int64_t base = inputRowAxes[input] == axis ? firstRow(input) : 0;
    return slice(inputs[input], static_cast<size_t>(axis), count > 0 ? first - base : 0,
                 std::max<int64_t>(count, 0));
  }

  // What the row reads of an operand that broadcasts to the output.
  Operand broadcastPart(size_t input) const {
    int axis = alignedAxis(inputDims[input].size(), outputDims.size(), outputRowAxis);
    if (axis < 0 || inputDims[input][static_cast<size_t>(axis)] == 1)
      return inputs[input];
    return part(input, axis, row, 1);
  }

  std::vector<Operand> stageInputs() const {
    std::vector<Operand> parts(inputs.begin(), inputs.end());
    for (const auto &stage : stages) {
      if (stage->side_input >= 0)
        parts[static_cast<size_t>(stage->side_input)] =
            broadcastPart(static_cast<size_t>(stage->side_input));
      if (stage->function != Function::Lookup)
        for (uint32_t input : stage->operands)
          parts[input] = broadcastPart(input);
    }
    return parts;
  }

  // Kernels with windows: the row's window alone, with the padding that it has.
  template <class K> K windowKernel(const K &whole, int64_t extent, Operand &x) const {
    auto axis = static_cast<size_t>(outputRowAxis - 2);
    int64_t in = inputDims[0][axis + 2];
    RowRange rows = windowRows(row, whole.strides[axis], whole.pads_low[axis], extent,
                               whole.dilations[axis], in);
    int64_t count = std::max<int64_t>(rows.last - rows.first + 1, 0);
    int64_t start = row * whole.strides[axis] - whole.pads_low[axis];
    x = part(0, outputRowAxis, rows.first, count);
    K kernel = whole;
    using Limits = std::numeric_limits<int32_t>;
    auto narrow = [](int64_t pad) {
      return static_cast<int32_t>(std::clamp<int64_t>(pad, Limits::min(), Limits::max()));
    };
    kernel.pads_low[axis] = narrow(rows.first - start);
    // What is left up to the end of the padded data.
    kernel.pads_high[axis] = narrow(in + whole.pads_high[axis] - rows.first - count);
    return kernel;
  }

  void contraction(std::vector<Operand> parts) const {
    const ContractionT &whole = *kernel.AsContraction();
    if (whole.product) {
      parts[0] = broadcastPart(0);
      if (outputRowAxis + 2 < static_cast<int>(outputDims.size()))
        parts[1] = broadcastPart(1);
      if (whole.has_bias)
        parts[2] = broadcastPart(2);
      return computeContraction(whole, stages, parts, output);
    }
    if (outputRowAxis == 0) {
      parts[0] = part(0, 0, row, 1);
      return computeContraction(whole, stages, parts, output);
    }
    int64_t extent = inputDims[1][static_cast<size_t>(outputRowAxis)];
    ContractionT one = windowKernel(whole, extent, parts[0]);
    computeContraction(one, stages, parts, output);
  }

  void pool(std::vector<Operand> parts) const {
    const PoolT &whole = *kernel.AsPool();
    if (outputRowAxis < 2) {
      parts[0] = part(0, outputRowAxis, row, 1);
      return computePool(whole, stages, parts, output);
    }
    int64_t extent = whole.kernel[static_cast<size_t>(outputRowAxis - 2)];
    PoolT one = windowKernel(whole, extent, parts[0]);
    computePool(one, stages, parts, output);
  }

  void resize(std::vector<Operand> parts) const {
    const ResizeT &whole = *kernel.AsResize();
    RowRange rows = resizeRows(whole, outputRowAxis, row);
    parts[0] = part(0, outputRowAxis, rows.first, rows.last - rows.first + 1);
    ResizeT one;
    one.to = whole.to;
    for (const auto &axis : whole.axes) {
      auto copy = std::make_unique<ResizeAxisT>(*axis);
      if (static_cast<int>(axis->axis) == outputRowAxis) {
        auto first = row * static_cast<int64_t>(axis->taps), last = first + axis->taps;
        copy->indices.assign(axis->indices.begin() + first, axis->indices.begin() + last);
        copy->weights.assign(axis->weights.begin() + first, axis->weights.begin() + last);
        for (int32_t &index : copy->indices)
          index -= static_cast<int32_t>(rows.first);
      }
      one.axes.push_back(std::move(copy));
    }
    computeResize(one, stages, parts, output);
  }

  // Copies know rows by themselves.
  void move() const {
    std::vector<RowOperand> operands;
    for (size_t i = 0; i < inputs.size(); ++i)
      operands.push_back(
          {inputs[i], geometryOf(inputDims[i], inputRowAxes[i]), inputRowAxes[i], firstRow(i)});
    RowGeometry geometry = geometryOf(outputDims, outputRowAxis);
    const MoveT &whole = *kernel.AsMove();
    if (stages.empty())
      return moveRow(whole, operands, {output, geometry, outputRowAxis, row}, row);
    ElementType type = valueTypeOf(kernel, inputs, output);
    std::vector<std::byte> bytes(static_cast<size_t>(output.elements() * unitOf(type)));
    Operand moved = packed(bytes.data(), type, output.dims);
    // A packed row has its row axis outermost.
    moveRow(whole, operands, {moved, geometry, outputRowAxis, row}, row);
    mapValues(moved, stages, stageInputs(), output);
  }

  // Where a row cannot be computed alone: the kernel's whole result, of which the row goes through
  // the stages.
  void fromWhole() const {
    Operand whole;
    whole.type = valueTypeOf(kernel, inputs, output);
    whole.dims.assign(outputDims.begin(), outputDims.end());
    std::vector<std::byte> bytes(static_cast<size_t>(whole.elements() * unitOf(whole.type)));
    whole = packed(bytes.data(), whole.type, whole.dims);
    Operand own = slice(whole, static_cast<size_t>(outputRowAxis), row, 1);
    if (const ContractionT *sums = kernel.AsContraction(); sums && sums->carries_in)
      copyElements(output, own);
    compute(kernel, {}, inputs, whole);
    mapValues(own, stages, stageInputs(), output);
  }

  void run() const {
    if (kernel.type == Kernel::Move)
      return move();
    if (outputRowAxis < 0)
      return compute(kernel, stages, inputs, output);
    bool isSqueezed = kernel.type == Kernel::Reduce && inputDims[0].size() != outputDims.size();
    if (isSqueezed || !isRowwise(kernel, outputDims, outputRowAxis))
      return fromWhole();
    std::vector<Operand> parts = stageInputs();
    switch (kernel.type) {
    case Kernel::Contraction:
      return contraction(std::move(parts));
    case Kernel::Pool:
      return pool(std::move(parts));
    case Kernel::Resize:
      return resize(std::move(parts));
    case Kernel::Map:
      parts[0] = broadcastPart(0);
      break;
    default: // Reduce, Softmax, Normalize: rows do not depend on one another
      parts[0] = part(0, outputRowAxis, row, 1);
      break;
    }
    compute(kernel, stages, parts, output);
  }
};

} // namespace

void computeRow(const KernelUnion &kernel, Stages stages, Inputs inputs,
                std::span<const RowRange> ranges, std::span<const Dims> inputDims,
                std::span<const int> inputRowAxes, const Operand &output,
                std::span<const int64_t> outputDims, int outputRowAxis, int64_t row) {
  // An input that kernel and stages both read is two operands: they read different parts of it.
  std::vector<std::unique_ptr<StageT>> own;
  std::vector<Operand> moreInputs;
  std::vector<RowRange> moreRanges;
  std::vector<Dims> moreDims;
  std::vector<int> moreAxes;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!kernelReads(kernel, i) || !stagesRead(stages, i))
      continue;
    if (own.empty()) {
      for (const auto &stage : stages)
        own.push_back(std::make_unique<StageT>(*stage));
      moreInputs.assign(inputs.begin(), inputs.end());
      moreRanges.assign(ranges.begin(), ranges.end());
      moreDims.assign(inputDims.begin(), inputDims.end());
      moreAxes.assign(inputRowAxes.begin(), inputRowAxes.end());
    }
    for (const auto &stage : own) {
      if (stage->side_input == static_cast<int32_t>(i))
        stage->side_input = static_cast<int32_t>(moreInputs.size());
      std::ranges::replace(stage->operands, static_cast<uint32_t>(i),
                           static_cast<uint32_t>(moreInputs.size()));
    }
    moreInputs.push_back(inputs[i]);
    moreRanges.push_back(ranges[i]);
    moreDims.push_back(inputDims[i]);
    moreAxes.push_back(inputRowAxes[i]);
  }
  if (own.empty())
    return RowProblem{kernel,       stages, inputs,     ranges,        inputDims,
                      inputRowAxes, output, outputDims, outputRowAxis, row}
        .run();
  RowProblem{kernel,   own,    moreInputs, moreRanges,    moreDims,
             moreAxes, output, outputDims, outputRowAxis, row}
      .run();
}

} // namespace edgecc::emulator
