// SPDX-License-Identifier: Apache-2.0
//
// Compiled code assumes IEEE arithmetic: round to nearest even, subnormals kept. A host program may
// have set something else (audio programs flush subnormals), so runs save and restore the control
// register. Reading and writing it costs a few cycles.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace edgecc::runtime {

class FloatEnvironment {
public:
  FloatEnvironment() : saved_(read()) { write(kDefault); }
  ~FloatEnvironment() { write(saved_); }
  FloatEnvironment(const FloatEnvironment &) = delete;
  FloatEnvironment &operator=(const FloatEnvironment &) = delete;

private:
#if defined(__x86_64__)
  static constexpr uint64_t kDefault = 0x1f80; // all exceptions masked
  static uint64_t read() { return _mm_getcsr(); }
  static void write(uint64_t value) { _mm_setcsr(static_cast<unsigned>(value)); }
#elif defined(__aarch64__)
  static constexpr uint64_t kDefault = 0;
  static uint64_t read() {
    uint64_t value;
    asm volatile("mrs %0, fpcr" : "=r"(value));
    return value;
  }
  static void write(uint64_t value) { asm volatile("msr fpcr, %0" : : "r"(value)); }
#elif defined(__riscv)
  static constexpr uint64_t kDefault = 0;
  static uint64_t read() {
    uint64_t value;
    asm volatile("frrm %0" : "=r"(value));
    return value;
  }
  static void write(uint64_t value) { asm volatile("fsrm %0" : : "r"(value)); }
#else
#error "edgecc's runtime supports x86-64, AArch64 and RISC-V"
#endif

  uint64_t saved_;
};

} // namespace edgecc::runtime
