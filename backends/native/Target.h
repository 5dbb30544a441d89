// Which machine native code is for.
#pragma once

#include "ir/Diagnostic.h"

#include <string>
#include <vector>

namespace edgecc::native {

enum class Arch : uint8_t { X86_64, AArch64, RISCV64 };

// Register budget and instructions that kernel emission plans with. Everything follows from
// `features`; the CPU's name is used for scheduling only.
struct NativeTarget {
  Arch arch = Arch::X86_64;
  std::string triple;                // "x86_64-unknown-linux-gnu"
  std::string cpu;                   // LLVM CPU name for tuning, e.g. "generic"
  std::vector<std::string> features; // canonical order, without '+', e.g. "avx2", "fma"
  unsigned vectorBytes = 16;         // width of the vectors that kernels use
  unsigned vectorRegisters = 16;     // architectural vector registers of that width
  bool fma = false;                  // fused multiply-add on f32 vectors
  bool maskedMemory = false;         // masked vector loads and stores are cheap
  bool dot8 =
      false; // 4-way 8-bit dot product into i32: VNNI, AVX-VNNI (u8 x s8), NEON dotprod (s8 x s8)
  bool halfConvert = false; // vector f16 <-> f32 conversion

  unsigned lanes(unsigned elementBytes) const { return vectorBytes / elementBytes; }
  bool has(std::string_view feature) const;
  const char *baselineCpu() const;   // LLVM CPU name that implies no features but the baseline's
  std::string featureString() const; // "+avx2,+fma" for LLVM
  std::string str() const;           // "x86-64 (avx2 fma f16c)" for users
};

// `target`: "native", "x86-64", "aarch64", "riscv64" (the last three with "-none" for bare metal).
// `cpu`: "host" (only for the host's architecture; the default there), "baseline", a named level
// (x86-64: "avx2", "avxvnni", "avx512", "avx512vnni"; aarch64: "neon", "dotprod", "i8mm"; riscv64:
// "rv64gc", "rv64gcv") or such a level followed by +feature/-feature, e.g. "avx2+f16c".
Expected<NativeTarget> resolveTarget(const std::string &target, const std::string &cpu);

} // namespace edgecc::native
