// Elementary functions of f64, right to about 2 units in the last place.
#include "Support.h"

static const double kLn2High = 0x1.62e42fefa38p-1; // 45 bits: products with exponents are exact
static const double kLn2Low = 0x1.ef35793c7673p-45;
static const double kPi = 3.14159265358979323846;
static const double kInfinity = (double)__builtin_inff();

static double magnitude(double x) { return __builtin_fabs(x); }

static uint64_t toBits(double x) {
  union {
    double d;
    uint64_t i;
  } u = {x};
  return u.i;
}

static double fromBits(uint64_t bits) { return supportReal((int64_t)bits); }

// x * 2^n for |n| <= 2100, in two steps so that no factor leaves the range.
static double scale(double x, int64_t n) {
  int64_t half = n / 2;
  return x * fromBits((uint64_t)(half + 1023) << 52) * fromBits((uint64_t)(n - half + 1023) << 52);
}

// e^r - 1 for |r| <= 0.35
static double expm1Small(double r) {
  double term = 1;
  for (int i = 14; i >= 2; --i)
    term = 1 + term * r / i;
  return term * r;
}

// 2^n e^(high + low)
static double expParts(double x, double low) {
  double n = supportRoundEven(x * 1.44269504088896340736);
  double r = (x - n * kLn2High) - (n * kLn2Low - low);
  return scale(1 + expm1Small(r), (int64_t)n);
}

double edgecc_support_exp(double x) {
  if (x != x)
    return x;
  if (x > 710)
    return kInfinity;
  return x < -746 ? 0 : expParts(x, 0);
}

double edgecc_support_expm1(double x) {
  if (magnitude(x) < 0.35)
    return x == 0 ? x : expm1Small(x);
  return edgecc_support_exp(x) - 1;
}

typedef struct {
  double high, low;
} Pair;

// a * b exactly (Dekker, "A floating-point technique for extending the available precision", 1971).
static Pair multiplyExactly(double a, double b) {
  double split = 134217729.0; // 2^27 + 1
  double ca = split * a, aHigh = ca - (ca - a), aLow = a - aHigh;
  double cb = split * b, bHigh = cb - (cb - b), bLow = b - bHigh;
  double product = a * b;
  return (Pair){product, ((aHigh * bHigh - product) + aHigh * bLow + aLow * bHigh) + aLow * bLow};
}

static Pair addFast(double a, double b) { // |a| >= |b|
  double sum = a + b;
  return (Pair){sum, b - (sum - a)};
}

// log(x) in two parts for positive finite x: 2 atanh(s) with s = (m - 1) / (m + 1).
static Pair logParts(double x) {
  int64_t k = 0;
  if (x < 0x1p-1022) {
    x *= 0x1p54;
    k = -54;
  }
  int64_t distance = (int64_t)toBits(x) - 0x3fe6a09e667f3bcd; // bits of sqrt(1/2)
  k += distance >> 52;
  double m = fromBits((uint64_t)((distance & 0xfffffffffffff) + 0x3fe6a09e667f3bcd));
  double f = m - 1, g = m + 1, gLow = m - (g - 1);
  double s = f / g;
  Pair product = multiplyExactly(s, g);
  double sLow = ((f - product.high) - product.low - s * gLow) / g;
  double z = s * s, q = 0;
  for (int i = 25; i >= 3; i -= 2)
    q = q * z + 1.0 / i;
  double tail = 2 * (s * z * q + sLow);
  double kd = (double)k;
  Pair sum = addFast(kd * kLn2High, 2 * s);
  if (k == 0)
    sum = (Pair){2 * s, 0};
  return addFast(sum.high, sum.low + tail + kd * kLn2Low);
}

double edgecc_support_log(double x) {
  if (x != x || x == kInfinity)
    return x;
  if (x == 0)
    return -kInfinity;
  if (x < 0)
    return __builtin_nan("");
  Pair parts = logParts(x);
  return parts.high + parts.low;
}

static double log1pOf(double x) {
  if (x == -1)
    return -kInfinity;
  if (x == kInfinity || magnitude(x) < 0x1p-54)
    return x;
  double u = 1 + x, seen = u - 1;
  double lost = (1 - (u - seen)) + (x - seen);
  return edgecc_support_log(u) + lost / u;
}

double edgecc_support_sigmoid(double x) {
  double z = edgecc_support_exp(-magnitude(x));
  return (x < 0 ? z : x != x ? x : 1) / (1 + z);
}

double edgecc_support_softplus(double x) {
  return (x < 0 ? 0 : x) + log1pOf(edgecc_support_exp(-magnitude(x)));
}

double edgecc_support_tanh(double x) {
  if (x != x || x == 0)
    return x;
  double a = magnitude(x);
  double y = 1;
  if (a < 22) {
    double t = edgecc_support_expm1(2 * a);
    y = t / (t + 2);
  }
  return __builtin_copysign(y, x);
}

// e^(-a^2), the square taken exactly.
static double gaussian(double a) {
  Pair square = multiplyExactly(a, a);
  return expParts(-square.high, -square.low);
}

// 9 units: below 2, exp(-x^2) times a series of positive terms; above: the continued fraction of
// erfc (Abramowitz and Stegun, 7.1.6 and 7.1.14).
double edgecc_support_erf(double x) {
  double a = magnitude(x), y = 1;
  if (x != x)
    return x;
  if (a < 2) {
    double term = a, sum = a;
    for (int n = 1; n < 80 && term > sum * 1e-18; ++n) {
      term *= 2 * a * a / (2 * n + 1);
      sum += term;
    }
    y = sum * gaussian(a) * 1.12837916709551257390;
  } else if (a < 6) {
    double f = 0;
    for (int n = 160; n >= 1; --n)
      f = n / 2.0 / (a + f);
    y = 1 - gaussian(a) * 0.56418958354775628695 / (a + f);
  }
  return __builtin_copysign(y, x);
}

// --- trigonometric ---

static double sinSmall(double r) { // |r| <= pi / 4
  double z = r * r, term = 1;
  for (int i = 20; i >= 2; i -= 2)
    term = 1 - term * z / (i * (i + 1));
  return r * term;
}

static double cosSmall(double r) {
  double z = r * r, term = 1;
  for (int i = 21; i >= 3; i -= 2)
    term = 1 - term * z / (i * (i + 1));
  return 1 - z * 0.5 * term;
}

// For |x| below 2^30; beyond, the result loses its precision.
static double reduceAngle(double x, int64_t *quadrant) {
  if (!(magnitude(x) < 0x1p62))
    return __builtin_nan("");
  double n = supportRoundEven(x * (2 / kPi));
  *quadrant = (int64_t)n;
  // pi / 2 in three parts of 33 bits and a rest: the first products are exact.
  double r = x - n * 0x1.921fb544p+0;
  r -= n * 0x1.0b4611a6p-34;
  return r - n * 0x1.3198a2e037073p-69;
}

static double sineOf(double x, int64_t shift) {
  int64_t quadrant = 0;
  double r = reduceAngle(x, &quadrant);
  quadrant += shift;
  double y = quadrant & 1 ? cosSmall(r) : sinSmall(r);
  return quadrant & 2 ? -y : y;
}

double edgecc_support_sin(double x) { return x == 0 ? x : sineOf(x, 0); }
double edgecc_support_cos(double x) { return sineOf(x, 1); }
double edgecc_support_tan(double x) {
  return x == 0 ? x : edgecc_support_sin(x) / edgecc_support_cos(x);
}

// atan(x) = atan(c) + atan((x - c) / (1 + x c)) with c = k / 8 nearest to x in [0, 1]
static double atanUnit(double x) {
  static const double kAtan[9] = {0.0,
                                  0.12435499454676144,
                                  0.24497866312686414,
                                  0.35877067027057225,
                                  0.46364760900080609,
                                  0.55859931534356244,
                                  0.64350110879328437,
                                  0.71882999962162453,
                                  0.78539816339744828};
  int k = (int)(x * 8 + 0.5);
  double c = k / 8.0, t = (x - c) / (1 + x * c), z = t * t, q = 0;
  for (int i = 17; i >= 3; i -= 2)
    q = (1.0 / i) * (i % 4 == 3 ? -1 : 1) + q * z;
  return kAtan[k] + (t + t * z * q);
}

double edgecc_support_atan(double x) {
  double a = magnitude(x);
  if (x != x)
    return x;
  double y = a > 1 ? kPi / 2 - (atanUnit(1 / a) - 6.123233995736766e-17) : atanUnit(a);
  return __builtin_copysign(y, x);
}

static double asinHalf(double a) { // 0 <= a <= 1/2
  return edgecc_support_atan(a / __builtin_sqrt((1 - a) * (1 + a)));
}

double edgecc_support_asin(double x) {
  double a = magnitude(x);
  if (!(a <= 1))
    return __builtin_nan("");
  double y = a <= 0.5
                 ? asinHalf(a)
                 : kPi / 2 - (2 * asinHalf(__builtin_sqrt((1 - a) / 2)) - 6.123233995736766e-17);
  return __builtin_copysign(y, x);
}

double edgecc_support_acos(double x) {
  double a = magnitude(x);
  if (!(a <= 1))
    return __builtin_nan("");
  if (a <= 0.5)
    return kPi / 2 - (edgecc_support_asin(x) - 6.123233995736766e-17);
  double y = 2 * asinHalf(__builtin_sqrt((1 - a) / 2));
  return x > 0 ? y : kPi - (y - 1.2246467991473532e-16);
}

// --- hyperbolic ---

double edgecc_support_sinh(double x) {
  double a = magnitude(x);
  if (a < 1) {
    double t = edgecc_support_expm1(a);
    return __builtin_copysign((t + t / (t + 1)) / 2, x);
  }
  double h = edgecc_support_exp(a / 2), h2 = h * 0.5 * h;
  return __builtin_copysign(h2 - 0.25 / h2, x);
}

double edgecc_support_cosh(double x) {
  double h = edgecc_support_exp(magnitude(x) / 2), h2 = h * 0.5 * h;
  return h2 + 0.25 / h2;
}

double edgecc_support_asinh(double x) {
  double a = magnitude(x);
  double y = a > 0x1p28 ? edgecc_support_log(a) + 0.69314718055994530942
                        : log1pOf(a + a * a / (1 + __builtin_sqrt(a * a + 1)));
  return __builtin_copysign(y, x);
}

double edgecc_support_acosh(double x) {
  if (x < 1)
    return __builtin_nan("");
  double t = x - 1;
  return x > 0x1p28 ? edgecc_support_log(x) + 0.69314718055994530942
                    : log1pOf(t + __builtin_sqrt(t * (t + 2)));
}

double edgecc_support_atanh(double x) {
  double a = magnitude(x);
  return __builtin_copysign(log1pOf(2 * a / (1 - a)) / 2, x);
}

// --- powers and remainders ---

static int isInteger(double y) { return supportRoundEven(y) == y; }
static int isOddInteger(double y) { return isInteger(y) && !isInteger(y / 2); }

// The cases of C99, Annex F.9.4.4.
double edgecc_support_pow(double x, double y) {
  double a = magnitude(x);
  if (x == 1 || y == 0)
    return 1;
  if (x != x || y != y)
    return x + y;
  if (magnitude(y) == kInfinity)
    return a == 1 ? 1 : (a > 1) == (y > 0) ? kInfinity : 0;
  double result;
  if (a == 0 || a == kInfinity) {
    result = (a == 0) == (y > 0) ? 0 : kInfinity;
  } else {
    if (x < 0 && !isInteger(y))
      return __builtin_nan("");
    Pair log = logParts(a);
    if (magnitude(log.high * y) > 800) {
      result = log.high * y > 0 ? kInfinity : 0;
    } else {
      Pair product = multiplyExactly(log.high, y);
      result = expParts(product.high, product.low + log.low * y);
    }
  }
  return x < 0 || (x == 0 && toBits(x) >> 63) ? (isOddInteger(y) ? -result : result) : result;
}

// Exact, by long division in binary.
double edgecc_support_fmod(double x, double y) {
  double a = magnitude(x), b = magnitude(y);
  if (!(a < kInfinity) || y != y || b == 0)
    return __builtin_nan("");
  if (a < b)
    return x;
  int64_t ea = (int64_t)(toBits(a) >> 52), eb = (int64_t)(toBits(b) >> 52);
  uint64_t ma = toBits(a) & 0xfffffffffffff, mb = toBits(b) & 0xfffffffffffff;
  ma = ea ? ma | 1ull << 52 : ma;
  mb = eb ? mb | 1ull << 52 : mb;
  ea += ea == 0;
  eb += eb == 0;
  for (; ea > eb; --ea) {
    if (ma >= mb)
      ma -= mb;
    ma <<= 1;
  }
  if (ma >= mb)
    ma -= mb;
  if (ma == 0)
    return __builtin_copysign(0.0, x);
  for (; ma < 1ull << 52 && eb > 1; --eb)
    ma <<= 1;
  uint64_t bits = ma >= 1ull << 52 ? (uint64_t)eb << 52 | (ma & 0xfffffffffffff) : ma;
  return __builtin_copysign(fromBits(bits), x);
}
