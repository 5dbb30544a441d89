// SPDX-License-Identifier: Apache-2.0
//
// What a program without a C library needs of the system: calls, memory functions, a start. The
// including file defines `program`, which must not return.
#pragma once

#include <stddef.h>
#include <stdint.h>

// --- System calls ------------------------------------------------------------------------------

#if defined(__x86_64__)
enum { kRead = 0, kWrite = 1, kGetpid = 39, kExit = 60 };
static long system_call(long id, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(id), "D"(a), "S"(b), "d"(c)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
enum { kRead = 63, kWrite = 64, kExit = 93, kGetpid = 172 };
static long system_call(long id, long a, long b, long c) {
  register long x8 __asm__("x8") = id;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
}
#elif defined(__riscv)
enum { kRead = 63, kWrite = 64, kExit = 93, kGetpid = 172 };
static long system_call(long id, long a, long b, long c) {
  register long a7 __asm__("a7") = id;
  register long a0 __asm__("a0") = a;
  register long a1 __asm__("a1") = b;
  register long a2 __asm__("a2") = c;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
  return a0;
}
#else
#error "unknown architecture"
#endif

static _Noreturn void leave(int status) {
  for (;;)
    system_call(kExit, status, 0, 0);
}

static void transfer(long call, unsigned char *at, size_t size) {
  long descriptor = call == kRead ? 0 : 1;
  while (size > 0) {
    long done = system_call(call, descriptor, (long)at, (long)size);
    if (done <= 0)
      leave(2);
    at += done;
    size -= (size_t)done;
  }
}

// --- What the model may call --------------------------------------------------------------------

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  for (size_t i = 0; i < size; ++i)
    ((unsigned char *)to)[i] = ((const unsigned char *)from)[i];
  return to;
}

void *memmove(void *to, const void *from, size_t size) {
  if ((uintptr_t)to <= (uintptr_t)from)
    return memcpy(to, from, size);
  while (size-- > 0)
    ((unsigned char *)to)[size] = ((const unsigned char *)from)[size];
  return to;
}

void *memset(void *to, int value, size_t size) {
  for (size_t i = 0; i < size; ++i)
    ((unsigned char *)to)[i] = (unsigned char)value;
  return to;
}

// --- Start
// ----------------------------------------------------------------------------------------

__attribute__((used)) static _Noreturn void program(void);

// The kernel starts a process with an aligned stack and, on RISC-V, without a global pointer.
#if defined(__x86_64__)
__asm__(".globl _start\n_start: xorl %ebp, %ebp\n andq $-16, %rsp\n call program\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start: bl program\n");
#else
__asm__(".globl _start\n_start: .option push\n .option norelax\n"
        " lla gp, __global_pointer$\n .option pop\n call program\n");
#endif
