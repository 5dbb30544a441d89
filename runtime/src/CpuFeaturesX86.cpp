// SPDX-License-Identifier: Apache-2.0
//
// CPUID bits: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, CPUID; AMD64
// Architecture Programmer's Manual, volume 3, appendix E.
#include "runtime/src/CpuFeatures.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <cstring>

namespace edgecc::runtime {

namespace {

enum Register : uint8_t { Eax, Ebx, Ecx, Edx };

// Register state that the operating system must have enabled in XCR0.
enum State : uint8_t { NoState = 0, Avx = 0x06, Avx512 = 0xe6 };

struct FeatureBit {
  const char *name;
  uint32_t leaf;
  uint32_t subleaf;
  Register reg;
  uint8_t bit;
  State state;
};

constexpr FeatureBit kFeatures[] = {
    {"sse3", 1, 0, Ecx, 0, NoState},
    {"pclmul", 1, 0, Ecx, 1, NoState},
    {"ssse3", 1, 0, Ecx, 9, NoState},
    {"fma", 1, 0, Ecx, 12, Avx},
    {"cx16", 1, 0, Ecx, 13, NoState},
    {"sse4.1", 1, 0, Ecx, 19, NoState},
    {"sse4.2", 1, 0, Ecx, 20, NoState},
    {"crc32", 1, 0, Ecx, 20, NoState},
    {"movbe", 1, 0, Ecx, 22, NoState},
    {"popcnt", 1, 0, Ecx, 23, NoState},
    {"aes", 1, 0, Ecx, 25, NoState},
    {"xsave", 1, 0, Ecx, 26, NoState},
    {"avx", 1, 0, Ecx, 28, Avx},
    {"f16c", 1, 0, Ecx, 29, Avx},
    {"rdrnd", 1, 0, Ecx, 30, NoState},
    {"cx8", 1, 0, Edx, 8, NoState},
    {"cmov", 1, 0, Edx, 15, NoState},
    {"mmx", 1, 0, Edx, 23, NoState},
    {"fxsr", 1, 0, Edx, 24, NoState},
    {"sse", 1, 0, Edx, 25, NoState},
    {"sse2", 1, 0, Edx, 26, NoState},
    {"bmi", 7, 0, Ebx, 3, NoState},
    {"avx2", 7, 0, Ebx, 5, Avx},
    {"bmi2", 7, 0, Ebx, 8, NoState},
    {"avx512f", 7, 0, Ebx, 16, Avx512},
    {"avx512dq", 7, 0, Ebx, 17, Avx512},
    {"adx", 7, 0, Ebx, 19, NoState},
    {"avx512ifma", 7, 0, Ebx, 21, Avx512},
    {"clflushopt", 7, 0, Ebx, 23, NoState},
    {"clwb", 7, 0, Ebx, 24, NoState},
    {"avx512cd", 7, 0, Ebx, 28, Avx512},
    {"avx512bw", 7, 0, Ebx, 30, Avx512},
    {"avx512vl", 7, 0, Ebx, 31, Avx512},
    {"avx512vbmi", 7, 0, Ecx, 1, Avx512},
    {"avx512vbmi2", 7, 0, Ecx, 6, Avx512},
    {"gfni", 7, 0, Ecx, 8, NoState},
    {"vaes", 7, 0, Ecx, 9, Avx},
    {"vpclmulqdq", 7, 0, Ecx, 10, Avx},
    {"avx512vnni", 7, 0, Ecx, 11, Avx512},
    {"avx512bitalg", 7, 0, Ecx, 12, Avx512},
    {"avx512vpopcntdq", 7, 0, Ecx, 14, Avx512},
    {"avx512vp2intersect", 7, 0, Edx, 8, Avx512},
    {"avx512fp16", 7, 0, Edx, 23, Avx512},
    {"avxvnni", 7, 1, Eax, 4, Avx},
    {"avx512bf16", 7, 1, Eax, 5, Avx512},
    {"avxifma", 7, 1, Eax, 23, Avx},
    {"avxvnniint8", 7, 1, Edx, 4, Avx},
    {"avxneconvert", 7, 1, Edx, 5, Avx},
    {"avxvnniint16", 7, 1, Edx, 10, Avx},
    {"sahf", 0x80000001, 0, Ecx, 0, NoState},
    {"lzcnt", 0x80000001, 0, Ecx, 5, NoState},
    {"sse4a", 0x80000001, 0, Ecx, 6, NoState},
    {"prfchw", 0x80000001, 0, Ecx, 8, NoState},
    {"64bit", 0x80000001, 0, Edx, 29, NoState},
};

uint64_t enabledState() {
  uint32_t registers[4];
  if (!__get_cpuid_count(1, 0, &registers[0], &registers[1], &registers[2], &registers[3]) ||
      !(registers[Ecx] >> 27 & 1)) // OSXSAVE: xgetbv exists
    return 0;
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

} // namespace

bool cpuHasFeature(const char *llvmName) {
  for (const FeatureBit &feature : kFeatures) {
    if (strcmp(feature.name, llvmName) != 0)
      continue;
    uint32_t registers[4];
    if (!__get_cpuid_count(feature.leaf, feature.subleaf, &registers[0], &registers[1],
                           &registers[2], &registers[3]))
      return false;
    return (registers[feature.reg] >> feature.bit & 1) &&
           (enabledState() & feature.state) == feature.state;
  }
  return false;
}

} // namespace edgecc::runtime

#endif
