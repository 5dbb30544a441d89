// SPDX-License-Identifier: Apache-2.0
#include "runtime/src/CpuFeatures.h"

namespace edgecc::runtime {

blob::Arch hostArch() {
#if defined(__x86_64__)
  return blob::Arch::X86_64;
#elif defined(__aarch64__)
  return blob::Arch::AArch64;
#elif defined(__riscv) && __riscv_xlen == 64
  return blob::Arch::RiscV64;
#else
#error "edgecc's runtime supports x86-64, AArch64 and RISC-V"
#endif
}

const char *archName(blob::Arch arch) {
  switch (arch) {
  case blob::Arch::X86_64:
    return "x86-64";
  case blob::Arch::AArch64:
    return "AArch64";
  case blob::Arch::RiscV64:
    return "RISC-V 64";
  case blob::Arch::None:
    break;
  }
  return "unknown";
}

} // namespace edgecc::runtime
