// What the support functions share. Freestanding C11: compiled to bitcode for every architecture
// when edgecc is built, linked into the kernels that call it. No library but memcpy and memset.
#ifndef EDGECC_SUPPORT_H
#define EDGECC_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

// Every array function is int32_t f(void *const *data, const int64_t *params, void *scratch).
// `params` describes the arrays data[0], data[1]... one after the other, then holds the op's own
// parameters (f64 as bit patterns). The result is an EDGECC_ENTRY_* code.

#define SUPPORT_MAX_RANK 32

typedef struct {
  char *data;
  int32_t dtype; // edgecc::DType
  int32_t rank;
  const int64_t *dims;
  const int64_t *strides; // in elements
} Array;

// Element types in the order of edgecc::DType; static_asserted where they meet (Support.cpp).
enum {
  kF32,
  kF16,
  kBF16,
  kF64,
  kF8E4M3FN,
  kF8E4M3FNUZ,
  kF8E5M2,
  kF8E5M2FNUZ,
  kF8E8M0,
  kF4E2M1,
  kI4,
  kU4,
  kI8,
  kU8,
  kI16,
  kU16,
  kI32,
  kU32,
  kI64,
  kU64,
  kBool
};

enum { kOk = 0, kBadIndex = 2, kBadBound = 3 };

// Reads the description of an array of which `params` points at; advances `params`.
Array supportArray(void *data, const int64_t **params);
int64_t supportElementBytes(int32_t dtype);
int64_t supportCount(const Array *a);
// Element offset of the `i`-th element in row-major order.
int64_t supportOffset(const Array *a, int64_t i);
double supportLoad(const Array *a, int64_t offset);
void supportStore(const Array *a, int64_t offset, double value);
int64_t supportLoadInt(const Array *a, int64_t offset);
void supportStoreInt(const Array *a, int64_t offset, int64_t value); // i64 arrays
void supportCopyElement(const Array *to, int64_t toOffset, const Array *from, int64_t fromOffset);
// An integer with the order of the elements; NaN is above all.
int64_t supportKey(const Array *a, int64_t offset);
double supportReal(int64_t bits);
double supportFloor(double x);
double supportRoundEven(double x);

double edgecc_support_exp(double x);
double edgecc_support_cos(double x);
double edgecc_support_sin(double x);

#endif
