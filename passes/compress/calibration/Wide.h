// Loops compiled for several vector widths, chosen when the program starts.
#pragma once

// For functions whose lanes are independent: every width gives the same bits. Sanitizers do not
// support the indirect functions that this needs.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||                         \
    __has_feature(thread_sanitizer)
#define EDGECC_SANITIZED
#endif
#endif
#if defined(__x86_64__) && defined(__linux__) && !defined(EDGECC_SANITIZED)
#define EDGECC_WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define EDGECC_WIDE
#endif
