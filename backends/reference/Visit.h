// From a run-time element type to a C++ type.
#pragma once

#include "ir/Tensor.h"

#include <cstdint>
#include <type_traits>

namespace edgecc::reference {

// Calls fn(T()) where T is the C++ type of a number: float, double or an integer of 8 to 64 bits.
template <class Fn> auto visitNumber(DType dtype, Fn &&fn) {
  switch (dtype) {
  case DType::F32:
    return fn(float());
  case DType::F64:
    return fn(double());
  case DType::I8:
    return fn(int8_t());
  case DType::U8:
  case DType::Bool:
    return fn(uint8_t());
  case DType::I16:
    return fn(int16_t());
  case DType::U16:
    return fn(uint16_t());
  case DType::I32:
    return fn(int32_t());
  case DType::U32:
    return fn(uint32_t());
  case DType::I64:
    return fn(int64_t());
  case DType::U64:
    return fn(uint64_t());
  default:
    break;
  }
  assert(false && "not a number that kernels compute with");
  __builtin_unreachable();
}

// The same for f32 and f64 alone.
template <class Fn> auto visitFloat(DType dtype, Fn &&fn) {
  assert(dtype == DType::F32 || dtype == DType::F64);
  return dtype == DType::F64 ? fn(double()) : fn(float());
}

// Calls fn(T()) with an unsigned integer as wide as one element of at least 8 bits: for kernels
// that only copy elements.
template <class Fn> auto visitBits(DType dtype, Fn &&fn) {
  switch (bitWidth(dtype)) {
  case 8:
    return fn(uint8_t());
  case 16:
    return fn(uint16_t());
  case 32:
    return fn(uint32_t());
  case 64:
    return fn(uint64_t());
  default:
    break;
  }
  assert(false && "packed elements");
  __builtin_unreachable();
}

} // namespace edgecc::reference
