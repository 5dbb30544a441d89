#include "backends/native/contraction/Pack.h"

#include <cassert>
#include <cstring>

namespace edgecc::native {

namespace {

// Calls place(k, column, destination element, bytes of factors before it) for every element of one
// matrix, and factor(k, column, destination byte) for the first element of every block.
template <class Fn, class Factor>
void forEachPlace(const Contraction &c, const Schedule &s, Fn place, Factor factor) {
  int64_t depth = c.depth(), group = c.product.group;
  int64_t groups = (s.run + group - 1) / group;
  int64_t runs = s.run == 0 ? 0 : depth / s.run;
  int64_t base = 0, firstColumn = 0, factors = 0;
  for (int64_t t = 0; t < s.tiling.count(); ++t) {
    const ColumnTile &tile = t < s.tiling.fullCount ? s.tiling.full : s.tiling.tail;
    int64_t pitch = tile.padded(), factorsOfRun = c.product.block > 0 ? pitch * 4 : 0;
    for (int64_t k = 0; k < depth; ++k) {
      int64_t run = k / s.run, r = k % s.run, start = base + run * groups * pitch * group;
      int64_t row = start + r / group * pitch * group + r % group;
      for (int64_t column = 0; column < tile.columns; ++column) {
        place(k, firstColumn + column, row + column * group, factors + (run + 1) * factorsOfRun);
        if (factorsOfRun > 0 && r == 0)
          factor(k, firstColumn + column,
                 start / group * c.product.groupBytesB() + factors + run * factorsOfRun +
                     column * 4);
      }
    }
    base += runs * groups * pitch * group;
    factors += runs * factorsOfRun;
    firstColumn += tile.columns;
  }
}

// Where the factors of matrix `m`, which begins at `matrix`, go.
auto factorWriter(const ConstantColumns &source, size_t m, std::byte *matrix) {
  return [&source, m, matrix](int64_t k, int64_t column, int64_t to) {
    float value = source.scale(k, static_cast<int64_t>(m), column);
    std::memcpy(matrix + to, &value, sizeof value);
  };
}

template <class T, class Fn>
void pack(const Contraction &c, const Schedule &s, const ConstantColumns &source,
          std::span<std::byte> out, Fn read) {
  int64_t matrixBytes = packedBytes(c, s);
  for (size_t m = 0; m < source.matrices.size(); ++m) {
    std::byte *matrix = out.data() + m * static_cast<size_t>(matrixBytes);
    auto place = [&](int64_t k, int64_t column, int64_t to, int64_t factors) {
      int64_t from =
          source.matrices[m] + source.k[static_cast<size_t>(k)] + column * source.columnStride;
      auto value = static_cast<T>(read(from, static_cast<int64_t>(m) * c.columns + column));
      if (source.scale && c.product.block == 0) // weights as wide as the sums
        value = static_cast<T>(static_cast<float>(value) *
                               source.scale(k, static_cast<int64_t>(m), column));
      std::memcpy(matrix + to * static_cast<int64_t>(sizeof(T)) + factors, &value, sizeof value);
    };
    forEachPlace(c, s, place, factorWriter(source, m, matrix));
  }
}

// Elements plus 8, two to a byte; see Product::nibbles.
template <class Fn>
void packNibbles(const Contraction &c, const Schedule &s, const ConstantColumns &source,
                 std::span<std::byte> out, Fn read) {
  int64_t matrixBytes = packedBytes(c, s), group = c.product.group, half = group / 2;
  std::fill(out.begin(), out.end(), std::byte{0x88});
  for (size_t m = 0; m < source.matrices.size(); ++m) {
    std::byte *matrix = out.data() + m * static_cast<size_t>(matrixBytes);
    auto place = [&](int64_t k, int64_t column, int64_t to, int64_t factors) {
      int64_t from =
          source.matrices[m] + source.k[static_cast<size_t>(k)] + column * source.columnStride;
      int64_t value = read(from, static_cast<int64_t>(m) * c.columns + column) + 8;
      assert(value >= 0 && value < 16);
      int64_t element = to % group;
      std::byte &byte = matrix[to / group * half + element % half + factors];
      auto nibble = static_cast<std::byte>(value);
      byte = element < half ? (byte & std::byte{0xf0}) | nibble
                            : (byte & std::byte{0x0f}) | (nibble << 4);
    };
    forEachPlace(c, s, place, factorWriter(source, m, matrix));
  }
}

void packInto(const Contraction &c, const Schedule &s, const ConstantColumns &source,
              std::span<std::byte> out) {
  const Tensor &tensor = *source.tensor;
  auto real = [&](int64_t from, int64_t) { return tensor.asDouble(from); };
  auto integer = [&](int64_t from, int64_t column) {
    int64_t value = tensor.asInt(from);
    if (source.zeroPoints.empty())
      return value;
    return value -
           source.zeroPoints[source.zeroPoints.size() == 1 ? 0 : static_cast<size_t>(column)];
  };
  if (c.product.nibbles)
    return packNibbles(c, s, source, out, integer);
  switch (c.product.b) {
  case DType::F16:
  case DType::BF16: {
    auto bits = tensor.data<uint16_t>();
    return pack<uint16_t>(c, s, source, out, [bits](int64_t from, int64_t) {
      return bits[static_cast<size_t>(from)];
    });
  }
  case DType::F32:
    if (tensor.dtype() == DType::F32) {
      auto data = tensor.data<float>();
      return pack<float>(c, s, source, out,
                         [data](int64_t from, int64_t) { return data[static_cast<size_t>(from)]; });
    }
    return pack<float>(c, s, source, out, real);
  case DType::F64:
    return pack<double>(c, s, source, out, real);
  case DType::I8:
  case DType::U8:
    return pack<uint8_t>(c, s, source, out, integer);
  case DType::I16:
  case DType::U16:
    return pack<uint16_t>(c, s, source, out, integer);
  case DType::I32:
  case DType::U32:
    return pack<uint32_t>(c, s, source, out, integer);
  default:
    return pack<uint64_t>(c, s, source, out, integer);
  }
}

} // namespace

int64_t packColumns(const Contraction &c, const Schedule &s, const ConstantColumns &source,
                    WeightSection &weights) {
  auto size = static_cast<size_t>(packedBytes(c, s)) * source.matrices.size();
  return weights.add(size, [&](std::span<std::byte> out) { packInto(c, s, source, out); });
}

} // namespace edgecc::native
