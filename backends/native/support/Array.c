// Elements of strided arrays of any type.
#include "Support.h"

Array supportArray(void *data, const int64_t **params) {
  const int64_t *p = *params;
  Array a = {data, (int32_t)p[0], (int32_t)p[1], p + 2, p + 2 + p[1]};
  *params = p + 2 + 2 * p[1];
  return a;
}

int64_t supportElementBytes(int32_t dtype) {
  switch (dtype) {
  case kF32:
  case kI32:
  case kU32:
    return 4;
  case kF16:
  case kBF16:
  case kI16:
  case kU16:
    return 2;
  case kF64:
  case kI64:
  case kU64:
    return 8;
  default:
    return 1;
  }
}

int64_t supportCount(const Array *a) {
  int64_t count = 1;
  for (int32_t i = 0; i < a->rank; ++i)
    count *= a->dims[i];
  return count;
}

int64_t supportOffset(const Array *a, int64_t i) {
  int64_t offset = 0;
  for (int32_t d = a->rank; d-- > 0;) {
    offset += i % a->dims[d] * a->strides[d];
    i /= a->dims[d];
  }
  return offset;
}

double supportReal(int64_t bits) {
  union {
    int64_t i;
    double d;
  } u = {bits};
  return u.d;
}

static int64_t bitsOfReal(double value) {
  union {
    double d;
    int64_t i;
  } u = {value};
  return u.i;
}

static float floatOfBits(uint32_t bits) {
  union {
    uint32_t i;
    float f;
  } u = {bits};
  return u.f;
}

static uint32_t bitsOfFloat(float value) {
  union {
    float f;
    uint32_t i;
  } u = {value};
  return u.i;
}

static float halfToFloat(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 0x1f,
           mantissa = half & 0x3ff;
  if (exponent == 0x1f)
    return floatOfBits(sign | 0x7f800000 | mantissa << 13 | (mantissa ? 0x400000 : 0));
  if (exponent == 0)
    return floatOfBits(sign | bitsOfFloat((float)mantissa * 0x1p-24f));
  return floatOfBits(sign | (exponent + 112) << 23 | mantissa << 13);
}

// f64 to f32 rounded to odd, so that a second rounding gives what one would have.
static float roundToOdd(double value) {
  float near = (float)value;
  double back = near;
  if (back == value || value != value)
    return near;
  uint32_t bits = bitsOfFloat(near);
  double a = back < 0 ? -back : back, b = value < 0 ? -value : value;
  if (a > b)
    --bits;
  return floatOfBits(bits | 1);
}

static uint16_t floatToHalf(float value) {
  uint32_t bits = bitsOfFloat(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000)
    return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
  if (magnitude >= 0x477ff000)
    return (uint16_t)(sign | 0x7c00);
  if (magnitude < 0x38800000) { // multiples of 2^-24, rounded by the addition
    uint32_t code = bitsOfFloat(floatOfBits(magnitude) * 0x1p24f + 0x1p23f) - 0x4b000000;
    return (uint16_t)(sign | code);
  }
  magnitude -= 112u << 23;
  return (uint16_t)(sign | (magnitude + 0xfff + (magnitude >> 13 & 1)) >> 13);
}

static uint16_t floatToBf16(float value) {
  uint32_t bits = bitsOfFloat(value);
  if (value != value)
    return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

#define ELEMENT(type) (((type *)a->data)[offset])

double supportLoad(const Array *a, int64_t offset) {
  switch (a->dtype) {
  case kF32:
    return ELEMENT(float);
  case kF64:
    return ELEMENT(double);
  case kF16:
    return halfToFloat(ELEMENT(uint16_t));
  case kBF16:
    return floatOfBits((uint32_t)ELEMENT(uint16_t) << 16);
  default:
    return (double)supportLoadInt(a, offset);
  }
}

void supportStore(const Array *a, int64_t offset, double value) {
  switch (a->dtype) {
  case kF32:
    ELEMENT(float) = (float)value;
    break;
  case kF64:
    ELEMENT(double) = value;
    break;
  case kF16:
    ELEMENT(uint16_t) = floatToHalf(roundToOdd(value));
    break;
  case kBF16:
    ELEMENT(uint16_t) = floatToBf16(roundToOdd(value));
    break;
  default: // only floats are stored this way
    break;
  }
}

int64_t supportLoadInt(const Array *a, int64_t offset) {
  switch (a->dtype) {
  case kI8:
    return ELEMENT(int8_t);
  case kU8:
    return ELEMENT(uint8_t);
  case kBool:
    return ELEMENT(uint8_t) != 0;
  case kI16:
    return ELEMENT(int16_t);
  case kU16:
    return ELEMENT(uint16_t);
  case kI32:
    return ELEMENT(int32_t);
  case kU32:
    return ELEMENT(uint32_t);
  default:
    return ELEMENT(int64_t);
  }
}

void supportStoreInt(const Array *a, int64_t offset, int64_t value) { ELEMENT(int64_t) = value; }

void supportCopyElement(const Array *to, int64_t toOffset, const Array *from, int64_t fromOffset) {
  int64_t bytes = supportElementBytes(from->dtype);
  __builtin_memcpy(to->data + toOffset * bytes, from->data + fromOffset * bytes, (size_t)bytes);
}

int64_t supportKey(const Array *a, int64_t offset) {
  switch (a->dtype) {
  case kF32:
  case kF16:
  case kBF16:
  case kF64: {
    double value = supportLoad(a, offset);
    if (value != value)
      return INT64_MAX;
    int64_t bits = bitsOfReal(value == 0 ? 0.0 : value);
    return bits < 0 ? INT64_MIN - bits : bits;
  }
  case kU64:
    return (int64_t)((uint64_t)ELEMENT(int64_t) ^ 0x8000000000000000u);
  default:
    return supportLoadInt(a, offset);
  }
}

double supportRoundEven(double x) {
  double a = x < 0 ? -x : x;
  if (!(a < 0x1p52))
    return x;
  a = (a + 0x1p52) - 0x1p52;
  return x < 0 ? -a : a;
}

double supportFloor(double x) {
  double near = supportRoundEven(x);
  return near > x ? near - 1 : near;
}
