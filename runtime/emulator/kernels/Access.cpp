// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/kernels/Access.h"

#include "runtime/emulator/kernels/Half.h"
#include "runtime/numerics/Float16.h"
#include "runtime/numerics/Int4.h"

#include <cassert>
#include <cstring>
#include <type_traits>

namespace edgecc::emulator {

int64_t Operand::elements() const {
  int64_t count = 1;
  for (int64_t extent : dims)
    count *= extent;
  return count;
}

bool isFloat(ElementType type) { return type == ElementType::F32 || type == ElementType::F16; }

bool isInteger(ElementType type) { return bitsOf(type) != 0 && !isFloat(type); }

namespace {

// Calls fn(T()) with the C++ type of an integer of at least 8 bits.
template <class Fn> auto visitInteger(ElementType type, Fn &&fn) {
  switch (type) {
  case ElementType::I8:
    return fn(int8_t());
  case ElementType::U8:
  case ElementType::Bool:
    return fn(uint8_t());
  case ElementType::I16:
    return fn(int16_t());
  case ElementType::U16:
    return fn(uint16_t());
  case ElementType::I32:
    return fn(int32_t());
  case ElementType::I64:
    return fn(int64_t());
  default:
    break;
  }
  assert(false && "not an integer of a byte or more");
  return fn(uint8_t());
}

bool isPacked(ElementType type) { return type == ElementType::I4 || type == ElementType::U4; }

// At position + i * stride, in bytes; the loop for packed elements apart, which vectorises.
template <class T, class To>
void loadElements(const std::byte *data, int64_t stride, int64_t count, To *out) {
  auto load = [](const std::byte *at) {
    T value;
    std::memcpy(&value, at, sizeof(T));
    return static_cast<To>(value);
  };
  constexpr auto kSize = static_cast<int64_t>(sizeof(T));
  if (stride == kSize) {
    for (int64_t i = 0; i < count; ++i)
      out[i] = load(data + i * kSize);
    return;
  }
  for (int64_t i = 0; i < count; ++i)
    out[i] = load(data + i * stride);
}

template <class T, class From>
void storeElements(std::byte *data, int64_t stride, int64_t count, const From *values) {
  for (int64_t i = 0; i < count; ++i) {
    auto value = static_cast<T>(values[i]);
    std::memcpy(data + i * stride, &value, sizeof(T));
  }
}

} // namespace

IntegerBounds boundsOf(ElementType type) {
  switch (type) {
  case ElementType::I4:
    return {-8, 7};
  case ElementType::U4:
    return {0, 15};
  case ElementType::Bool:
    return {0, 1};
  default:
    return visitInteger(type, [](auto tag) {
      using Limits = std::numeric_limits<decltype(tag)>;
      return IntegerBounds{Limits::min(), Limits::max()};
    });
  }
}

int64_t wrapped(int64_t value, ElementType type) {
  switch (type) {
  case ElementType::Bool:
    return value != 0;
  case ElementType::I4:
    return numerics::signExtendInt4(static_cast<uint8_t>(value & 0xf));
  case ElementType::U4:
    return value & 0xf;
  default:
    return visitInteger(type,
                        [&](auto tag) -> int64_t { return static_cast<decltype(tag)>(value); });
  }
}

int64_t unitOf(ElementType type) { return isPacked(type) ? 1 : bitsOf(type) / 8; }

template <class To>
void loadRun(const Operand &x, int64_t position, int64_t stride, int64_t count, To *out) {
  if constexpr (std::is_same_v<To, float>) {
    const std::byte *at = x.data + position;
    if (x.type == ElementType::F32)
      return loadElements<float>(at, stride, count, out);
    if (x.type == ElementType::F16) {
      if (stride == 2)
        return widenHalves(at, count, out);
      for (int64_t i = 0; i < count; ++i) {
        uint16_t bits = 0;
        std::memcpy(&bits, at + i * stride, sizeof(bits));
        out[i] = numerics::f16ToF32(bits);
      }
      return;
    }
  }
  assert(isInteger(x.type));
  if (isPacked(x.type)) {
    const auto *bytes = reinterpret_cast<const uint8_t *>(x.data);
    for (int64_t i = 0; i < count; ++i) {
      auto index = static_cast<size_t>(x.nibble + position + i * stride);
      out[i] = x.type == ElementType::I4 ? static_cast<To>(numerics::loadInt4(bytes, index))
                                         : static_cast<To>(numerics::loadUInt4(bytes, index));
    }
    return;
  }
  visitInteger(x.type, [&](auto tag) {
    loadElements<decltype(tag)>(x.data + position, stride, count, out);
  });
}

template void loadRun(const Operand &, int64_t, int64_t, int64_t, float *);
template void loadRun(const Operand &, int64_t, int64_t, int64_t, int64_t *);
template void loadRun(const Operand &, int64_t, int64_t, int64_t, int32_t *);
template void loadRun(const Operand &, int64_t, int64_t, int64_t, int16_t *);

void storeRun(const Operand &y, int64_t position, int64_t stride, int64_t count,
              const float *values) {
  std::byte *at = y.data + position;
  if (y.type == ElementType::F32)
    return storeElements<float>(at, stride, count, values);
  assert(y.type == ElementType::F16);
  if (stride == 2)
    return narrowToHalves(values, count, at);
  for (int64_t i = 0; i < count; ++i) {
    uint16_t bits = numerics::f32ToF16(values[i]);
    std::memcpy(at + i * stride, &bits, sizeof(bits));
  }
}

void storeRun(const Operand &y, int64_t position, int64_t stride, int64_t count,
              const int64_t *values) {
  visitInteger(y.type, [&](auto tag) {
    storeElements<decltype(tag)>(y.data + position, stride, count, values);
  });
}

template <class To> void loadAll(const Operand &x, To *out) {
  if (x.elements() == 0)
    return;
  Walk walk = walkOf(x.dims, {x.strides});
  int64_t length = walk.length();
  for (int64_t row = 0, rows = walk.rows(); row < rows; ++row) {
    int64_t position = 0;
    walk.positionsOf(row, &position);
    loadRun(x, position, walk.strides[0].back(), length, out + row * length);
  }
}

template void loadAll(const Operand &, float *);
template void loadAll(const Operand &, int64_t *);
template void loadAll(const Operand &, int32_t *);
template void loadAll(const Operand &, int16_t *);

Operand slice(Operand x, size_t axis, int64_t first, int64_t count) {
  x.dims[axis] = count;
  if (x.elements() == 0) // there may be no memory at all
    return x;
  int64_t offset = first * x.strides[axis];
  if (isPacked(x.type)) {
    int64_t at = x.nibble + offset, low = at & 1;
    x.data += (at - low) / 2;
    x.nibble = static_cast<int>(low);
  } else {
    x.data += offset;
  }
  return x;
}

void Walk::positionsOf(int64_t i, int64_t *positions) const {
  for (size_t n = 0; n < strides.size(); ++n)
    positions[n] = 0;
  for (size_t axis = dims.size() - 1; axis-- > 0;) {
    int64_t index = i % dims[axis];
    i /= dims[axis];
    for (size_t n = 0; n < strides.size(); ++n)
      positions[n] += index * strides[n][axis];
  }
}

int64_t Walk::rows() const {
  int64_t rows = 1;
  for (size_t axis = 0; axis + 1 < dims.size(); ++axis)
    rows *= dims[axis];
  return rows;
}

Walk walkOf(std::span<const int64_t> dims, std::vector<std::vector<int64_t>> strides) {
  Walk walk;
  walk.strides.resize(strides.size());
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    if (dims[axis] == 1)
      continue;
    bool merges = !walk.dims.empty();
    for (size_t n = 0; n < strides.size() && merges; ++n)
      merges = walk.strides[n].back() == strides[n][axis] * dims[axis];
    if (!merges) {
      walk.dims.push_back(dims[axis]);
      for (size_t n = 0; n < strides.size(); ++n)
        walk.strides[n].push_back(strides[n][axis]);
      continue;
    }
    walk.dims.back() *= dims[axis];
    for (size_t n = 0; n < strides.size(); ++n)
      walk.strides[n].back() = strides[n][axis];
  }
  if (walk.dims.empty()) {
    walk.dims = {1};
    for (auto &s : walk.strides)
      s = {0};
  }
  return walk;
}

std::vector<int64_t> broadcastStrides(const Operand &x, std::span<const int64_t> dims) {
  std::vector<int64_t> strides(dims.size(), 0);
  for (size_t i = 0; i < x.dims.size(); ++i) {
    size_t from = x.dims.size() - 1 - i, to = dims.size() - 1 - i;
    if (x.dims[from] != 1)
      strides[to] = x.strides[from];
  }
  return strides;
}

Operand packed(std::byte *data, ElementType type, std::vector<int64_t> dims) {
  Operand x{data, type, std::move(dims), {}, 0};
  x.strides.resize(x.dims.size());
  int64_t stride = unitOf(type);
  for (size_t i = x.dims.size(); i-- > 0; stride *= x.dims[i])
    x.strides[i] = stride;
  return x;
}

template <size_t Size>
static void copyStrided(const std::byte *in, int64_t from, std::byte *out, int64_t to,
                        int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    std::memcpy(out + i * to, in + i * from, Size);
}

void copyElements(const Operand &x, const Operand &y) {
  Walk walk = walkOf(y.dims, {y.strides, broadcastStrides(x, y.dims)});
  int64_t size = unitOf(y.type), length = walk.length();
  int64_t to = walk.strides[0].back(), from = walk.strides[1].back();
  for (int64_t row = 0, rows = walk.rows(); row < rows; ++row) {
    int64_t positions[2];
    walk.positionsOf(row, positions);
    std::byte *out = y.data + positions[0];
    const std::byte *in = x.data + positions[1];
    if (to == size && from == size)
      std::memmove(out, in, static_cast<size_t>(length * size));
    else if (size == 1)
      copyStrided<1>(in, from, out, to, length);
    else if (size == 2)
      copyStrided<2>(in, from, out, to, length);
    else if (size == 4)
      copyStrided<4>(in, from, out, to, length);
    else
      copyStrided<8>(in, from, out, to, length);
  }
}

} // namespace edgecc::emulator
