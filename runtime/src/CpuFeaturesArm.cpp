// SPDX-License-Identifier: Apache-2.0
//
// Linux tells user programs through AT_HWCAP and AT_HWCAP2
// (Documentation/arch/arm64/elf_hwcaps.rst). The bit numbers are written out because old headers
// lack the newer ones.
#include "runtime/src/CpuFeatures.h"

#if defined(__aarch64__)

#include <cstring>
#include <sys/auxv.h>

namespace edgecc::runtime {

namespace {

struct FeatureBit {
  const char *name;
  unsigned long capabilities; // AT_HWCAP or AT_HWCAP2
  uint8_t bit;
};

constexpr FeatureBit kFeatures[] = {
    {"fp-armv8", AT_HWCAP, 0},   {"neon", AT_HWCAP, 1},   {"aes", AT_HWCAP, 3},
    {"sha2", AT_HWCAP, 6},       {"crc", AT_HWCAP, 7},    {"lse", AT_HWCAP, 8},
    {"fullfp16", AT_HWCAP, 10},  {"rdm", AT_HWCAP, 12},   {"jsconv", AT_HWCAP, 13},
    {"complxnum", AT_HWCAP, 14}, {"rcpc", AT_HWCAP, 15},  {"sha3", AT_HWCAP, 17},
    {"dotprod", AT_HWCAP, 20},   {"sve", AT_HWCAP, 22},   {"fp16fml", AT_HWCAP, 23},
    {"sve2", AT_HWCAP2, 1},      {"i8mm", AT_HWCAP2, 13}, {"bf16", AT_HWCAP2, 14},
};

} // namespace

bool cpuHasFeature(const char *llvmName) {
  for (const FeatureBit &feature : kFeatures)
    if (strcmp(feature.name, llvmName) == 0)
      return getauxval(feature.capabilities) >> feature.bit & 1;
  return false;
}

} // namespace edgecc::runtime

#endif
