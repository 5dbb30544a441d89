// A dense row-major tensor held by the compiler: parameter contents, folded constants, test data.
#pragma once

#include "ir/Type.h"

#include <cassert>
#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>

namespace edgecc {

// Copies share their bytes; mutableData() makes them this tensor's own first. The bytes may be
// mapped from a file. Sub-byte elements are packed two to a byte, low nibble first. Bool is one
// byte, 0 or 1. F16, BF16 and F8 are held as their bit patterns in uint16_t and uint8_t.
class Tensor {
public:
  Tensor() = default;
  // Zero-filled.
  Tensor(DType dtype, Dims dims);
  // Shares `bytes`, which must hold numBytes(dtype, dims) and outlive all copies through `owner`.
  Tensor(DType dtype, Dims dims, std::shared_ptr<const void> owner, const std::byte *bytes);

  template <class T> static Tensor of(DType dtype, Dims dims, std::span<const T> values);
  template <class T> static Tensor scalar(DType dtype, T value) {
    return of<T>(dtype, {}, std::span<const T>(&value, 1));
  }
  static Tensor ofInts(std::span<const int64_t> values); // i64, rank 1

  DType dtype() const { return dtype_; }
  const Dims &dims() const { return dims_; }
  unsigned rank() const { return static_cast<unsigned>(dims_.size()); }
  int64_t elements() const { return numElements(dims_); }
  size_t bytes() const { return static_cast<size_t>(numBytes(dtype_, dims_)); }
  Type type() const { return {dtype_, dims_, 0, {}}; }

  const std::byte *raw() const { return data_; }
  std::byte *mutableRaw();
  template <class T> std::span<const T> data() const {
    assert(sizeof(T) * 8 == bitWidth(dtype_) || sizeof(T) == 1);
    return {reinterpret_cast<const T *>(data_), bytes() / sizeof(T)};
  }
  template <class T> std::span<T> mutableData() {
    assert(sizeof(T) * 8 == bitWidth(dtype_) || sizeof(T) == 1);
    return {reinterpret_cast<T *>(mutableRaw()), bytes() / sizeof(T)};
  }

  // Element `i` in row-major order converted to double or to int64, from any element type. Floats
  // are truncated, out-of-range ones saturate, NaN gives 0; u64 wraps.
  double asDouble(int64_t i) const;
  int64_t asInt(int64_t i) const;
  // Stores `value` in element `i`: floats round to nearest even, 8- and 4-bit ones saturate;
  // integers truncate and saturate; NaN as an integer is 0.
  void setDouble(int64_t i, double value);
  // All elements as int64; for shapes, axes and the like.
  std::vector<int64_t> asInts() const;

  // The same bytes under another shape with the same number of elements.
  Tensor reshaped(Dims dims) const;

  // Same type, shape and bytes.
  bool operator==(const Tensor &other) const;

private:
  DType dtype_ = DType::F32;
  Dims dims_{0};
  std::shared_ptr<const void> owner_;
  const std::byte *data_ = nullptr;
  bool writable_ = false; // the bytes were allocated here, so the sole owner may write them
};

template <class T> Tensor Tensor::of(DType dtype, Dims dims, std::span<const T> values) {
  static_assert(std::is_trivially_copyable_v<T>);
  Tensor tensor(dtype, std::move(dims));
  assert(tensor.bytes() == values.size_bytes());
  auto *out = reinterpret_cast<T *>(tensor.mutableRaw());
  for (size_t i = 0; i < values.size(); ++i)
    out[i] = values[i];
  return tensor;
}

} // namespace edgecc
