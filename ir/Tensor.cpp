#include "ir/Tensor.h"

#include "runtime/numerics/Float16.h"
#include "runtime/numerics/Float8.h"
#include "runtime/numerics/Int4.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace edgecc {

using namespace numerics;

Tensor::Tensor(DType dtype, Dims dims) : dtype_(dtype), dims_(std::move(dims)), writable_(true) {
  assert(isValidShape(dims_));
  auto *data = new std::byte[bytes()]();
  owner_ = std::shared_ptr<std::byte[]>(data);
  data_ = data;
}

Tensor::Tensor(DType dtype, Dims dims, std::shared_ptr<const void> owner, const std::byte *bytes)
    : dtype_(dtype), dims_(std::move(dims)), owner_(std::move(owner)), data_(bytes) {
  assert(isValidShape(dims_));
}

Tensor Tensor::ofInts(std::span<const int64_t> values) {
  return of<int64_t>(DType::I64, {static_cast<int64_t>(values.size())}, values);
}

std::byte *Tensor::mutableRaw() {
  if (!writable_ || owner_.use_count() != 1) {
    Tensor own(dtype_, dims_);
    if (data_)
      std::memcpy(const_cast<std::byte *>(own.data_), data_, bytes());
    *this = std::move(own);
  }
  return const_cast<std::byte *>(data_); // allocated by the first constructor, as non-const bytes
}

namespace {

// Element `i` of an array of T that may be unaligned in a mapped file.
template <class T> T load(const std::byte *data, int64_t i) {
  T value;
  std::memcpy(&value, data + static_cast<size_t>(i) * sizeof(T), sizeof(T));
  return value;
}

// The value of a 4-bit float with 2 exponent bits (bias 1) and 1 mantissa bit (OCP MX, 2023).
constexpr float kF4Magnitudes[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};

float f4e2m1ToF32(uint8_t nibble) {
  float magnitude = kF4Magnitudes[nibble & 7];
  return nibble & 8 ? -magnitude : magnitude;
}

// Nearest, ties to the even code, out of range to the largest. The format has no NaN: NaN gives 0.
int f32ToF4e2m1(float value) {
  float magnitude = std::fabs(value);
  int code = 0;
  while (code < 7) {
    float middle = (kF4Magnitudes[code] + kF4Magnitudes[code + 1]) / 2;
    if (!(magnitude > middle || (magnitude == middle && code % 2 == 1)))
      break;
    ++code;
  }
  return std::signbit(value) && !std::isnan(value) ? code | 8 : code;
}

int64_t toInt64(double value) {
  if (std::isnan(value))
    return 0;
  if (value >= 0x1p63)
    return std::numeric_limits<int64_t>::max();
  if (value < -0x1p63)
    return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

uint64_t toUInt64(double value) {
  if (value >= 0x1p64)
    return std::numeric_limits<uint64_t>::max();
  return value > 0 ? static_cast<uint64_t>(value) : 0; // also for NaN
}

template <class T> void store(std::byte *data, int64_t i, T value) {
  std::memcpy(data + static_cast<size_t>(i) * sizeof(T), &value, sizeof(T));
}

template <class T> void storeSaturated(std::byte *data, int64_t i, double value) {
  using Limits = std::numeric_limits<T>;
  store(data, i, static_cast<T>(std::clamp<int64_t>(toInt64(value), Limits::min(), Limits::max())));
}

// Calls `fn` with element `i` as a float, a double or an integer of the element type.
template <class Fn> auto visitElement(DType dtype, const std::byte *data, int64_t i, Fn fn) {
  const auto *packed = reinterpret_cast<const uint8_t *>(data);
  auto index = static_cast<size_t>(i);
  switch (dtype) {
  case DType::F32:
    return fn(load<float>(data, i));
  case DType::F16:
    return fn(f16ToF32(load<uint16_t>(data, i)));
  case DType::BF16:
    return fn(bf16ToF32(load<uint16_t>(data, i)));
  case DType::F64:
    return fn(load<double>(data, i));
  case DType::F8E4M3FN:
    return fn(f8ToF32(packed[index], Float8Format::E4M3FN));
  case DType::F8E4M3FNUZ:
    return fn(f8ToF32(packed[index], Float8Format::E4M3FNUZ));
  case DType::F8E5M2:
    return fn(f8ToF32(packed[index], Float8Format::E5M2));
  case DType::F8E5M2FNUZ:
    return fn(f8ToF32(packed[index], Float8Format::E5M2FNUZ));
  case DType::F8E8M0:
    return fn(e8m0ToF32(packed[index]));
  case DType::F4E2M1:
    return fn(f4e2m1ToF32(loadUInt4(packed, index)));
  case DType::I4:
    return fn(loadInt4(packed, index));
  case DType::U4:
  case DType::U8:
    return fn(dtype == DType::U4 ? loadUInt4(packed, index) : packed[index]);
  case DType::Bool:
    return fn(static_cast<uint8_t>(packed[index] != 0));
  case DType::I8:
    return fn(load<int8_t>(data, i));
  case DType::I16:
    return fn(load<int16_t>(data, i));
  case DType::U16:
    return fn(load<uint16_t>(data, i));
  case DType::I32:
    return fn(load<int32_t>(data, i));
  case DType::U32:
    return fn(load<uint32_t>(data, i));
  case DType::I64:
    return fn(load<int64_t>(data, i));
  case DType::U64:
    return fn(load<uint64_t>(data, i));
  }
  __builtin_unreachable();
}

} // namespace

double Tensor::asDouble(int64_t i) const {
  assert(i >= 0 && i < elements());
  return visitElement(dtype_, data_, i, [](auto value) { return static_cast<double>(value); });
}

int64_t Tensor::asInt(int64_t i) const {
  assert(i >= 0 && i < elements());
  return visitElement(dtype_, data_, i, [](auto value) -> int64_t {
    if constexpr (std::is_floating_point_v<decltype(value)>)
      return toInt64(value);
    else
      return static_cast<int64_t>(value);
  });
}

void Tensor::setDouble(int64_t i, double value) {
  assert(i >= 0 && i < elements());
  std::byte *data = mutableRaw();
  auto *packed = reinterpret_cast<uint8_t *>(data);
  auto index = static_cast<size_t>(i);
  auto putFloat8 = [&](Float8Format format) { packed[index] = f64ToF8(value, format, true); };
  switch (dtype_) {
  case DType::F32:
    return store(data, i, static_cast<float>(value));
  case DType::F16:
    return store(data, i, f64ToF16(value));
  case DType::BF16:
    return store(data, i, f64ToBf16(value));
  case DType::F64:
    return store(data, i, value);
  case DType::F8E4M3FN:
    return putFloat8(Float8Format::E4M3FN);
  case DType::F8E4M3FNUZ:
    return putFloat8(Float8Format::E4M3FNUZ);
  case DType::F8E5M2:
    return putFloat8(Float8Format::E5M2);
  case DType::F8E5M2FNUZ:
    return putFloat8(Float8Format::E5M2FNUZ);
  case DType::F8E8M0:
    packed[index] = f32ToE8M0(static_cast<float>(value), true, E8M0Rounding::Nearest);
    return;
  case DType::F4E2M1:
    return storeInt4(packed, index, f32ToF4e2m1(static_cast<float>(value)));
  case DType::I4:
    return storeInt4(packed, index, static_cast<int>(std::clamp(toInt64(value), -8L, 7L)));
  case DType::U4:
    return storeInt4(packed, index, static_cast<int>(std::clamp(toInt64(value), 0L, 15L)));
  case DType::Bool:
    packed[index] = value != 0;
    return;
  case DType::I8:
    return storeSaturated<int8_t>(data, i, value);
  case DType::U8:
    return storeSaturated<uint8_t>(data, i, value);
  case DType::I16:
    return storeSaturated<int16_t>(data, i, value);
  case DType::U16:
    return storeSaturated<uint16_t>(data, i, value);
  case DType::I32:
    return storeSaturated<int32_t>(data, i, value);
  case DType::U32:
    return storeSaturated<uint32_t>(data, i, value);
  case DType::I64:
    return store(data, i, toInt64(value));
  case DType::U64:
    return store(data, i, toUInt64(value));
  }
}

std::vector<int64_t> Tensor::asInts() const {
  std::vector<int64_t> values(static_cast<size_t>(elements()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = asInt(static_cast<int64_t>(i));
  return values;
}

Tensor Tensor::reshaped(Dims dims) const {
  assert(numElements(dims) == elements());
  Tensor tensor = *this;
  tensor.dims_ = std::move(dims);
  return tensor;
}

bool Tensor::operator==(const Tensor &other) const {
  if (dtype_ != other.dtype_ || dims_ != other.dims_)
    return false;
  return data_ == other.data_ || bytes() == 0 || std::memcmp(data_, other.data_, bytes()) == 0;
}

} // namespace edgecc
