// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/kernels/Rows.h"

#include "runtime/emulator/kernels/Move.h"

#include <algorithm>

namespace edgecc::emulator {

ElementType valueTypeOf(const KernelUnion &kernel, Inputs inputs, const Operand &output) {
  switch (kernel.type) {
  case Kernel::Contraction:
    return kernel.AsContraction()->sum_type;
  case Kernel::Pool:
    return kernel.AsPool()->to;
  case Kernel::Reduce:
    return kernel.AsReduce()->to;
  case Kernel::Softmax:
    return kernel.AsSoftmax()->to;
  case Kernel::Normalize:
    return kernel.AsNormalize()->to;
  case Kernel::Resize:
    return kernel.AsResize()->to;
  case Kernel::Move: {
    const MoveT &move = *kernel.AsMove();
    return move.copies.empty() ? output.type : inputs[move.copies[0]->input].type;
  }
  default:
    return inputs[0].type;
  }
}

bool isRowwise(const KernelUnion &kernel, std::span<const int64_t> outputDims, int outputRowAxis) {
  auto axis = static_cast<uint32_t>(outputRowAxis);
  switch (kernel.type) {
  case Kernel::Contraction:
    return kernel.AsContraction()->product ? axis + 1 != outputDims.size() : axis != 1;
  case Kernel::Reduce:
    return std::ranges::find(kernel.AsReduce()->axes, axis) == kernel.AsReduce()->axes.end();
  case Kernel::Softmax:
    return axis != kernel.AsSoftmax()->axis;
  case Kernel::Normalize:
    return kernel.AsNormalize()->kind == NormalizeKind::Group ? axis == 0
                                                              : axis < kernel.AsNormalize()->axis;
  default:
    return true;
  }
}

bool kernelReads(const KernelUnion &kernel, size_t input) {
  switch (kernel.type) {
  case Kernel::Contraction: {
    const ContractionT &contraction = *kernel.AsContraction();
    return input < 2 || (input == 2 && contraction.has_bias) ||
           (contraction.w_zero_points >= 0 &&
            input == static_cast<size_t>(contraction.w_zero_points));
  }
  case Kernel::Normalize: {
    const NormalizeT &normalize = *kernel.AsNormalize();
    return input < 1u + normalize.has_scale + normalize.has_bias;
  }
  case Kernel::Move:
    return std::ranges::any_of(kernel.AsMove()->copies,
                               [&](const auto &copy) { return copy->input == input; });
  default:
    return input == 0;
  }
}

bool stagesRead(Stages stages, size_t input) {
  return std::ranges::any_of(stages, [&](const auto &stage) {
    return stage->side_input == static_cast<int32_t>(input) ||
           std::ranges::find(stage->operands, input) != stage->operands.end();
  });
}

int alignedAxis(size_t rank, size_t outputRank, int outputAxis) {
  return std::max(outputAxis - static_cast<int>(outputRank) + static_cast<int>(rank), -1);
}

RowRange windowRows(int64_t row, int64_t stride, int64_t padLow, int64_t kernel, int64_t dilation,
                    int64_t rows) {
  int64_t start = row * stride - padLow;
  return {std::max<int64_t>(start, 0), std::min(start + (kernel - 1) * dilation, rows - 1)};
}

RowRange resizeRows(const ResizeT &kernel, int axis, int64_t row) {
  for (const auto &resized : kernel.axes) {
    if (static_cast<int>(resized->axis) != axis)
      continue;
    auto taps = static_cast<size_t>(resized->taps);
    auto [low, high] = std::ranges::minmax(
        std::span(resized->indices).subspan(static_cast<size_t>(row) * taps, taps));
    return {low, high};
  }
  return {row, row};
}

namespace {

struct Question {
  size_t input;
  std::span<const int64_t> inputDims;
  int inputRowAxis;
  std::span<const int64_t> outputDims;
  int outputRowAxis;
  int64_t row;

  RowRange all() const { return {0, inputDims[static_cast<size_t>(inputRowAxis)] - 1}; }
  bool isAligned() const {
    return alignedAxis(inputDims.size(), outputDims.size(), outputRowAxis) == inputRowAxis;
  }
  // Of an operand that broadcasts.
  RowRange broadcast() const {
    if (!isAligned() || inputDims[static_cast<size_t>(inputRowAxis)] == 1)
      return all();
    return {row, row};
  }
};

RowRange unite(RowRange a, RowRange b) {
  if (a.first > a.last)
    return b;
  if (b.first > b.last)
    return a;
  return {std::min(a.first, b.first), std::max(a.last, b.last)};
}

RowRange contractionRows(const ContractionT &kernel, const Question &q) {
  if (kernel.product) {
    // The rows of the right operand are summed over, its batch axes are not.
    bool isMatrixAxis = q.outputRowAxis + 2 >= static_cast<int>(q.outputDims.size());
    return q.input == 1 && isMatrixAxis ? q.all() : q.broadcast();
  }
  if (q.input != 0 || q.inputRowAxis != q.outputRowAxis)
    return q.all();
  if (q.outputRowAxis == 0)
    return {q.row, q.row};
  if (kernel.kernel.empty()) // how far a window reaches is not said
    return q.all();
  auto axis = static_cast<size_t>(q.inputRowAxis - 2);
  return windowRows(q.row, kernel.strides[axis], kernel.pads_low[axis], kernel.kernel[axis],
                    kernel.dilations[axis], q.inputDims[axis + 2]);
}

RowRange poolRows(const PoolT &kernel, const Question &q) {
  if (q.inputRowAxis < 2)
    return {q.row, q.row};
  auto axis = static_cast<size_t>(q.inputRowAxis - 2);
  return windowRows(q.row, kernel.strides[axis], kernel.pads_low[axis], kernel.kernel[axis],
                    kernel.dilations[axis], q.inputDims[axis + 2]);
}

RowRange moveRows(const MoveT &kernel, const Question &q) {
  RowGeometry from = geometryOf(q.inputDims, q.inputRowAxis);
  RowGeometry to = geometryOf(q.outputDims, q.outputRowAxis);
  RowRange rows;
  for (const auto &copy : kernel.copies) {
    if (copy->input != q.input)
      continue;
    auto rowCopy = rowCopyOf(*copy, from, to);
    if (!rowCopy)
      return q.all();
    if (auto read = rowsRead(*rowCopy, q.row))
      rows = unite(rows, *read);
  }
  return rows;
}

RowRange kernelRows(const KernelUnion &kernel, const Question &q) {
  if (kernel.type == Kernel::Move)
    return moveRows(*kernel.AsMove(), q);
  if (q.outputRowAxis < 0 || !isRowwise(kernel, q.outputDims, q.outputRowAxis))
    return q.all();
  switch (kernel.type) {
  case Kernel::Contraction:
    return contractionRows(*kernel.AsContraction(), q);
  case Kernel::Map:
    return q.broadcast();
  case Kernel::Normalize:
    if (q.input > 0)
      return q.all();
    break;
  default:
    break;
  }
  bool isSqueezed = q.inputDims.size() != q.outputDims.size();
  if (q.inputRowAxis != q.outputRowAxis || isSqueezed)
    return q.all();
  if (kernel.type == Kernel::Pool)
    return poolRows(*kernel.AsPool(), q);
  if (kernel.type == Kernel::Resize)
    return resizeRows(*kernel.AsResize(), q.inputRowAxis, q.row);
  return {q.row, q.row};
}

RowRange stageRows(Stages stages, const Question &q) {
  bool isTable = std::ranges::any_of(stages, [&](const auto &stage) {
    return stage->function == Function::Lookup && stage->operands[0] == q.input;
  });
  return q.outputRowAxis < 0 || isTable ? q.all() : q.broadcast();
}

} // namespace

RowRange rowsNeeded(const KernelUnion &kernel, Stages stages, size_t input,
                    std::span<const int64_t> inputDims, int inputRowAxis,
                    std::span<const int64_t> outputDims, int outputRowAxis, int64_t row) {
  if (inputRowAxis < 0)
    return {0, 0};
  Question question{input, inputDims, inputRowAxis, outputDims, outputRowAxis, row};
  RowRange rows;
  if (kernelReads(kernel, input))
    rows = kernelRows(kernel, question);
  if (stagesRead(stages, input))
    rows = unite(rows, stageRows(stages, question));
  return rows;
}

} // namespace edgecc::emulator
