#include "backends/reference/Convert.h"

#include "backends/reference/Visit.h"
#include "runtime/numerics/Float16.h"
#include "runtime/numerics/Float8.h"
#include "runtime/numerics/Functions.h"
#include "runtime/numerics/Int4.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace edgecc::reference {

using namespace numerics;

namespace {

// Elements pass through one of four types that hold them exactly: float, double, int64_t, uint64_t.
constexpr int64_t kBatch = 512;

template <class T, class V> void readAs(const Tensor &x, int64_t first, int64_t count, V *out) {
  const T *in = x.data<T>().data() + first;
  for (int64_t i = 0; i < count; ++i)
    out[i] = static_cast<V>(in[i]);
}

template <class Bits, class V, class Fn>
void readWith(const Tensor &x, int64_t first, int64_t count, V *out, Fn decode) {
  const Bits *in = x.data<Bits>().data() + first;
  for (int64_t i = 0; i < count; ++i)
    out[i] = static_cast<V>(decode(in[i]));
}

template <class V> void read(const Tensor &x, int64_t first, int64_t count, V *out) {
  switch (x.dtype()) {
  case DType::F16:
    return readWith<uint16_t>(x, first, count, out, f16ToF32);
  case DType::BF16:
    return readWith<uint16_t>(x, first, count, out, bf16ToF32);
  case DType::F8E4M3FN:
  case DType::F8E4M3FNUZ:
  case DType::F8E5M2:
  case DType::F8E5M2FNUZ:
  case DType::F8E8M0:
  case DType::F4E2M1:
    for (int64_t i = 0; i < count; ++i)
      out[i] = static_cast<V>(x.asDouble(first + i));
    return;
  case DType::I4:
  case DType::U4:
    for (int64_t i = 0; i < count; ++i)
      out[i] = static_cast<V>(x.asInt(first + i));
    return;
  default:
    return visitNumber(x.dtype(), [&](auto tag) { readAs<decltype(tag)>(x, first, count, out); });
  }
}

template <class T, class V> T number(V value) {
  if constexpr (std::is_integral_v<T> && std::is_floating_point_v<V>)
    return toInteger<T>(value);
  else
    return static_cast<T>(value); // one rounding, or wrapping
}

void writeFloat8(Tensor &y, int64_t first, std::span<const double> values, Float8Format format,
                 bool saturate) {
  uint8_t *out = y.mutableData<uint8_t>().data() + first;
  for (size_t i = 0; i < values.size(); ++i)
    out[i] = f64ToF8(values[i], format, saturate);
}

template <class V> void write(Tensor &y, int64_t first, int64_t count, const V *in, bool saturate) {
  auto viaDoubles = [&](auto &&put) {
    std::array<double, kBatch> values;
    for (int64_t i = 0; i < count; ++i)
      values[static_cast<size_t>(i)] = exactEnough(in[i]);
    put(std::span<const double>(values.data(), static_cast<size_t>(count)));
  };
  auto float8 = [&](Float8Format format) {
    viaDoubles([&](auto values) { writeFloat8(y, first, values, format, saturate); });
  };
  auto half = [&](uint16_t (*fromF32)(float), uint16_t (*fromF64)(double)) {
    uint16_t *out = y.mutableData<uint16_t>().data() + first;
    for (int64_t i = 0; i < count; ++i) {
      if constexpr (std::is_same_v<V, float>)
        out[i] = fromF32(in[i]);
      else
        out[i] = fromF64(exactEnough(in[i]));
    }
  };
  switch (y.dtype()) {
  case DType::F16:
    return half(f32ToF16, f64ToF16);
  case DType::BF16:
    return half(f32ToBf16, f64ToBf16);
  case DType::F8E4M3FN:
    return float8(Float8Format::E4M3FN);
  case DType::F8E4M3FNUZ:
    return float8(Float8Format::E4M3FNUZ);
  case DType::F8E5M2:
    return float8(Float8Format::E5M2);
  case DType::F8E5M2FNUZ:
    return float8(Float8Format::E5M2FNUZ);
  case DType::F8E8M0: {
    uint8_t *out = y.mutableData<uint8_t>().data() + first;
    for (int64_t i = 0; i < count; ++i)
      out[i] = f32ToE8M0(static_cast<float>(in[i]), saturate, E8M0Rounding::Up);
    return;
  }
  case DType::F4E2M1:
    for (int64_t i = 0; i < count; ++i)
      y.setDouble(first + i, exactEnough(in[i]));
    return;
  case DType::I4:
  case DType::U4: {
    bool isSignedType = y.dtype() == DType::I4;
    auto *out = reinterpret_cast<uint8_t *>(y.mutableRaw());
    for (int64_t i = 0; i < count; ++i) {
      int value = number<int>(in[i]);
      if constexpr (std::is_floating_point_v<V>)
        value = std::clamp(value, isSignedType ? -8 : 0, isSignedType ? 7 : 15);
      storeInt4(out, static_cast<size_t>(first + i), value);
    }
    return;
  }
  case DType::Bool: {
    uint8_t *out = y.mutableData<uint8_t>().data() + first;
    for (int64_t i = 0; i < count; ++i)
      out[i] = in[i] != 0;
    return;
  }
  default:
    return visitNumber(y.dtype(), [&](auto tag) {
      using T = decltype(tag);
      T *out = y.mutableData<T>().data() + first;
      for (int64_t i = 0; i < count; ++i)
        out[i] = number<T>(in[i]);
    });
  }
}

template <class V> void convertThrough(const Tensor &x, Tensor &y, bool saturate) {
  std::array<V, kBatch> batch;
  int64_t total = x.elements();
  for (int64_t first = 0; first < total; first += kBatch) {
    int64_t count = std::min(kBatch, total - first);
    read(x, first, count, batch.data());
    write(y, first, count, batch.data(), saturate);
  }
}

} // namespace

Tensor convert(const Tensor &x, DType to, bool saturate) {
  if (x.dtype() == to)
    return x;
  Tensor y(to, x.dims());
  if (x.dtype() == DType::F64)
    convertThrough<double>(x, y, saturate);
  else if (isFloat(x.dtype()) || isStorageFloat(x.dtype()))
    convertThrough<float>(x, y, saturate);
  else if (x.dtype() == DType::U64)
    convertThrough<uint64_t>(x, y, saturate);
  else
    convertThrough<int64_t>(x, y, saturate);
  return y;
}

Tensor unpacked(const Tensor &x) {
  Tensor bytes(DType::U8, x.dims());
  unpackUInt4(reinterpret_cast<const uint8_t *>(x.raw()), static_cast<size_t>(x.elements()),
              bytes.mutableData<uint8_t>().data());
  return bytes;
}

Tensor packed(const Tensor &bytes, DType to) {
  Tensor x(to, bytes.dims());
  packInt4(bytes.data<int8_t>().data(), static_cast<size_t>(x.elements()),
           reinterpret_cast<uint8_t *>(x.mutableRaw()));
  return x;
}

Tensor aligned(const Tensor &x) {
  auto alignment = std::max<size_t>(1, bitWidth(x.dtype()) / 8);
  if (!x.raw() || reinterpret_cast<uintptr_t>(x.raw()) % alignment == 0)
    return x;
  Tensor copy(x.dtype(), x.dims());
  std::memcpy(copy.mutableRaw(), x.raw(), x.bytes());
  return copy;
}

} // namespace edgecc::reference
