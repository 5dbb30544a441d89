// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/kernels/Move.h"

#include "runtime/numerics/Float16.h"
#include "runtime/numerics/Functions.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace edgecc::emulator {

RowGeometry geometryOf(std::span<const int64_t> dims, int rowAxis) {
  RowGeometry geometry;
  for (size_t i = 0; i < dims.size(); ++i) {
    int64_t &part = rowAxis < 0 || static_cast<int>(i) > rowAxis ? geometry.low
                    : static_cast<int>(i) == rowAxis             ? geometry.rows
                                                                 : geometry.high;
    part *= dims[i];
  }
  return geometry;
}

namespace {

// Of an index or a stride; a negative one has negative digits.
Digits digitsOf(int64_t value, RowGeometry g) {
  return {value / (g.rows * g.low), value / g.low % g.rows, value % g.low};
}

struct Axis {
  int64_t extent, from, to;
};

// Splits axes that run past a multiple of `boundary` in even parts.
void splitAt(int64_t boundary, int64_t Axis::*side, std::vector<Axis> &axes) {
  std::vector<Axis> result;
  for (const Axis &axis : axes) {
    int64_t stride = std::abs(axis.*side);
    int64_t inner = stride > 0 && stride < boundary ? boundary / stride : 1;
    if (inner > 1 && inner * stride == boundary && axis.extent > inner &&
        axis.extent % inner == 0) {
      result.push_back({axis.extent / inner, axis.from * inner, axis.to * inner});
      result.push_back({inner, axis.from, axis.to});
    } else {
      result.push_back(axis);
    }
  }
  axes = std::move(result);
}

// Whether the sums of digits stay below their limits, so that no carry passes between them.
bool hasNoCarries(Digits first, std::span<const Digits> axes, std::span<const int64_t> dims,
                  RowGeometry g) {
  auto stays = [&](int64_t Digits::*digit, int64_t limit) {
    int64_t low = first.*digit, high = low;
    for (size_t i = 0; i < dims.size(); ++i) {
      int64_t span = (dims[i] - 1) * (axes[i].*digit);
      (span < 0 ? low : high) += span;
    }
    return low >= 0 && high < limit;
  };
  return stays(&Digits::row, g.rows) && stays(&Digits::low, g.low);
}

} // namespace

std::optional<RowCopy> rowCopyOf(const CopyT &copy, RowGeometry from, RowGeometry to) {
  std::vector<Axis> axes;
  for (size_t i = 0; i < copy.dims.size(); ++i)
    if (copy.dims[i] > 1)
      axes.push_back({copy.dims[i], copy.from_strides[i], copy.to_strides[i]});
  splitAt(to.low, &Axis::to, axes);
  splitAt(to.low * to.rows, &Axis::to, axes);
  splitAt(from.low, &Axis::from, axes);
  splitAt(from.low * from.rows, &Axis::from, axes);
  RowCopy result;
  result.input = copy.input;
  result.fromFirst = digitsOf(copy.from_offset, from);
  result.toFirst = digitsOf(copy.to_offset, to);
  for (const Axis &axis : axes) {
    result.dims.push_back(axis.extent);
    result.from.push_back(digitsOf(axis.from, from));
    result.to.push_back(digitsOf(axis.to, to));
  }
  if (!hasNoCarries(result.fromFirst, result.from, result.dims, from) ||
      !hasNoCarries(result.toFirst, result.to, result.dims, to))
    return std::nullopt;
  // Looking for a row tries the positions along all axes that choose it but one.
  constexpr int64_t kMaxTries = 256;
  result.solved = result.dims.size();
  for (size_t i = 0; i < result.dims.size(); ++i)
    if (result.to[i].row != 0 &&
        (result.solved == result.dims.size() || result.dims[i] > result.dims[result.solved]))
      result.solved = i;
  int64_t tries = 1;
  for (size_t i = 0; i < result.dims.size(); ++i)
    if (result.to[i].row != 0 && i != result.solved && (tries *= result.dims[i]) > kMaxTries)
      return std::nullopt;
  return result;
}

namespace {

// Calls body(index) for the positions along the axes that choose the row for which it is `row`;
// other axes have index 0.
template <class Body>
void forEachChoice(const RowCopy &copy, int64_t row, size_t axis, int64_t at,
                   std::vector<int64_t> &index, Body &&body) {
  while (axis < copy.dims.size() && (copy.to[axis].row == 0 || axis == copy.solved))
    ++axis;
  if (axis < copy.dims.size()) {
    for (int64_t i = 0; i < copy.dims[axis]; ++i) {
      index[axis] = i;
      forEachChoice(copy, row, axis + 1, at + i * copy.to[axis].row, index, body);
    }
    index[axis] = 0;
    return;
  }
  if (copy.solved == copy.dims.size()) {
    if (at == row)
      body(index);
    return;
  }
  int64_t step = copy.to[copy.solved].row, position = (row - at) / step;
  if (position < 0 || position >= copy.dims[copy.solved] || at + position * step != row)
    return;
  index[copy.solved] = position;
  body(index);
}

template <class Body> void forEachChoice(const RowCopy &copy, int64_t row, Body &&body) {
  std::vector<int64_t> index(copy.dims.size(), 0);
  forEachChoice(copy, row, 0, copy.toFirst.row, index, body);
}

} // namespace

std::optional<RowRange> rowsRead(const RowCopy &copy, int64_t row) {
  std::optional<RowRange> range;
  forEachChoice(copy, row, [&](const std::vector<int64_t> &index) {
    int64_t low = copy.fromFirst.row, high = low;
    for (size_t i = 0; i < index.size(); ++i) {
      int64_t step = copy.from[i].row;
      if (copy.to[i].row != 0) {
        low += index[i] * step;
        high += index[i] * step;
      } else {
        (step < 0 ? low : high) += (copy.dims[i] - 1) * step;
      }
    }
    range = range ? RowRange{std::min(range->first, low), std::max(range->last, high)}
                  : RowRange{low, high};
  });
  return range;
}

namespace {

// Bytes that one unit of each digit is worth.
Digits bytesOf(const RowOperand &x) {
  const Operand &operand = x.operand;
  Digits bytes{0, 0, unitOf(operand.type)};
  bool hasLow = false;
  for (size_t i = operand.dims.size(); i-- > 0;) {
    auto axis = static_cast<int>(i);
    if (axis == x.rowAxis)
      bytes.row = operand.strides[i];
    else if (operand.dims[i] == 1)
      continue;
    else if (axis > x.rowAxis && !hasLow) {
      bytes.low = operand.strides[i];
      hasLow = true;
    } else if (axis < x.rowAxis && bytes.high == 0)
      bytes.high = operand.strides[i];
  }
  return bytes;
}

int64_t dot(Digits digits, Digits bytes) {
  return digits.high * bytes.high + digits.row * bytes.row + digits.low * bytes.low;
}

void copyRow(const RowCopy &copy, const RowOperand &from, const RowOperand &to, int64_t row) {
  Digits fromBytes = bytesOf(from), toBytes = bytesOf(to);
  Operand in = from.operand, out = to.operand;
  in.dims.clear();
  in.strides.clear();
  out.strides.clear();
  for (size_t i = 0; i < copy.dims.size(); ++i)
    if (copy.to[i].row == 0) {
      in.dims.push_back(copy.dims[i]);
      in.strides.push_back(dot(copy.from[i], fromBytes));
      out.strides.push_back(dot(copy.to[i], toBytes));
    }
  out.dims = in.dims;
  std::byte *inData = in.data, *outData = out.data;
  forEachChoice(copy, row, [&](const std::vector<int64_t> &index) {
    int64_t fromAt = dot(copy.fromFirst, fromBytes) - from.first * fromBytes.row;
    int64_t toAt = dot(copy.toFirst, toBytes) - to.first * toBytes.row;
    for (size_t i = 0; i < index.size(); ++i) {
      fromAt += index[i] * dot(copy.from[i], fromBytes);
      toAt += index[i] * dot(copy.to[i], toBytes);
    }
    in.data = inData + fromAt;
    out.data = outData + toAt;
    copyElements(in, out);
  });
}

// Element by element, where rows do not divide the copy.
void copyOneByOne(const CopyT &copy, const RowOperand &from, const RowOperand &to, int64_t row) {
  Digits fromBytes = bytesOf(from), toBytes = bytesOf(to);
  auto size = static_cast<size_t>(unitOf(to.operand.type));
  int64_t count =
      std::accumulate(copy.dims.begin(), copy.dims.end(), int64_t{1}, std::multiplies<>());
  for (int64_t i = 0; i < count; ++i) {
    int64_t fromIndex = copy.from_offset, toIndex = copy.to_offset, rest = i;
    for (size_t d = copy.dims.size(); d-- > 0; rest /= copy.dims[d]) {
      fromIndex += rest % copy.dims[d] * copy.from_strides[d];
      toIndex += rest % copy.dims[d] * copy.to_strides[d];
    }
    Digits target = digitsOf(toIndex, to.geometry), source = digitsOf(fromIndex, from.geometry);
    if (target.row != row)
      continue;
    target.row -= to.first;
    source.row -= from.first;
    std::memcpy(to.operand.data + dot(target, toBytes), from.operand.data + dot(source, fromBytes),
                size);
  }
}

// An element of the type, as a repeated operand.
void fillWith(double value, const Operand &y) {
  int64_t bits = 0;
  if (y.type == ElementType::F16) {
    uint16_t half = numerics::f64ToF16(value);
    std::memcpy(&bits, &half, sizeof(half));
  } else if (y.type == ElementType::F32) {
    auto single = static_cast<float>(value);
    std::memcpy(&bits, &single, sizeof(single));
  } else {
    auto [low, high] = boundsOf(y.type);
    int64_t integer = std::clamp(numerics::toInteger<int64_t>(value), low, high);
    Operand stored = packed(reinterpret_cast<std::byte *>(&bits), y.type, {});
    storeRun(stored, 0, 0, 1, &integer);
  }
  Operand x{reinterpret_cast<std::byte *>(&bits), y.type, {}, {}, 0};
  copyElements(x, y);
}

} // namespace

void moveRow(const MoveT &kernel, std::span<const RowOperand> inputs, const RowOperand &output,
             int64_t row) {
  fillWith(kernel.fill, output.operand);
  for (const auto &copy : kernel.copies) {
    const RowOperand &from = inputs[copy->input];
    if (auto rowCopy = rowCopyOf(*copy, from.geometry, output.geometry))
      copyRow(*rowCopy, from, output, row);
    else
      copyOneByOne(*copy, from, output, row);
  }
}

void computeMove(const MoveT &kernel, Stages stages, Inputs inputs, const Operand &output) {
  std::vector<RowOperand> whole;
  for (const Operand &input : inputs)
    whole.push_back({input, geometryOf(input.dims, -1)});
  if (stages.empty())
    return moveRow(kernel, whole, {output, geometryOf(output.dims, -1)}, 0);
  ElementType type = kernel.copies.empty() ? output.type : inputs[kernel.copies[0]->input].type;
  std::vector<std::byte> moved(static_cast<size_t>(output.elements() * unitOf(type)));
  std::vector<Operand> operands(inputs.begin(), inputs.end());
  operands.push_back(packed(moved.data(), type, output.dims));
  moveRow(kernel, whole, {operands.back(), geometryOf(output.dims, -1)}, 0);
  mapValues(operands.back(), stages, operands, output);
}

} // namespace edgecc::emulator
