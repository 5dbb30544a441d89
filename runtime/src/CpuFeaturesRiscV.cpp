// SPDX-License-Identifier: Apache-2.0
//
// Single-letter extensions come from AT_HWCAP, which every Linux kernel fills in. The others come
// from the riscv_hwprobe system call (Linux 6.4, Documentation/arch/riscv/hwprobe.rst); where it is
// missing they count as absent.
#include "runtime/src/CpuFeatures.h"

#if defined(__riscv)

#include <cstring>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace edgecc::runtime {

namespace {

constexpr long kSysHwprobe = 258;
constexpr int64_t kKeyExtensions0 = 4;

struct HwprobePair {
  int64_t key;
  uint64_t value;
};

struct ProbeBit {
  const char *name;
  uint8_t bit;
};

constexpr ProbeBit kProbed[] = {
    {"zba", 3},   {"zbb", 4},     {"zbs", 5},          {"zicboz", 6}, {"zbc", 7},
    {"zvbb", 17}, {"zfh", 27},    {"zfhmin", 28},      {"zvfh", 30},  {"zvfhmin", 31},
    {"zfa", 32},  {"zicond", 35}, {"zihintpause", 36},
};

bool hasLetter(char letter) { return getauxval(AT_HWCAP) >> (letter - 'a') & 1; }

bool probe(uint8_t bit) {
  HwprobePair pair = {kKeyExtensions0, 0};
  if (syscall(kSysHwprobe, &pair, 1, 0, nullptr, 0) != 0 || pair.key != kKeyExtensions0)
    return false;
  return pair.value >> bit & 1;
}

/// Vector register length in bits; only where V exists.
uint64_t vectorBits() {
  uint64_t bytes;
  asm volatile(".option push\n.option arch, +v\ncsrr %0, vlenb\n.option pop" : "=r"(bytes));
  return bytes * 8;
}

/// "zvl128b" and its like: V and registers of at least that many bits.
bool hasVectorLength(const char *name) {
  uint64_t bits = 0;
  const char *digit = name + 3;
  for (; *digit >= '0' && *digit <= '9' && bits < 65536; ++digit)
    bits = bits * 10 + uint64_t(*digit - '0');
  return strcmp(digit, "b") == 0 && hasLetter('v') && vectorBits() >= bits;
}

/// Extensions that V, F or the kernel's base requirement imply.
bool isImplied(const char *name) {
  for (const char *vector : {"zve32x", "zve32f", "zve64x", "zve64f", "zve64d"})
    if (strcmp(name, vector) == 0)
      return hasLetter('v');
  for (const char *base : {"64bit", "relax", "zicsr", "zifencei", "zmmul"})
    if (strcmp(name, base) == 0)
      return true;
  return false;
}

} // namespace

bool cpuHasFeature(const char *llvmName) {
  if (strlen(llvmName) == 1 && *llvmName >= 'a' && *llvmName <= 'z')
    return hasLetter(*llvmName);
  if (strncmp(llvmName, "zvl", 3) == 0)
    return hasVectorLength(llvmName);
  for (const ProbeBit &feature : kProbed)
    if (strcmp(feature.name, llvmName) == 0)
      return probe(feature.bit);
  return isImplied(llvmName);
}

} // namespace edgecc::runtime

#endif
