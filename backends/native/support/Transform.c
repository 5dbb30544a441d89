// Det, DFT, ReverseSequence.
#include "Support.h"

// data: x, result. scratch: M * M f64. LU decomposition with partial pivoting.
int32_t edgecc_support_det(void *const *data, const int64_t *params, void *scratch) {
  Array x = supportArray(data[0], &params), y = supportArray(data[1], &params);
  int64_t m = x.dims[x.rank - 1], n = supportCount(&y);
  double *a = scratch;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t k = 0; k < m * m; ++k)
      a[k] = supportLoad(&x, supportOffset(&x, i * m * m + k));
    double det = 1;
    for (int64_t c = 0; c < m && det != 0; ++c) {
      int64_t pivot = c;
      for (int64_t r = c + 1; r < m; ++r)
        if (__builtin_fabs(a[r * m + c]) > __builtin_fabs(a[pivot * m + c]))
          pivot = r;
      if (pivot != c) {
        det = -det;
        for (int64_t k = 0; k < m; ++k) {
          double swap = a[c * m + k];
          a[c * m + k] = a[pivot * m + k];
          a[pivot * m + k] = swap;
        }
      }
      det *= a[c * m + c];
      for (int64_t r = c + 1; r < m && det != 0; ++r) {
        double factor = a[r * m + c] / a[c * m + c];
        for (int64_t k = c + 1; k < m; ++k)
          a[r * m + k] -= factor * a[c * m + k];
      }
    }
    supportStore(&y, supportOffset(&y, i), det);
  }
  return kOk;
}

// data: x, result. params: axis, inverse. scratch: 2 n f64 of sines and cosines, 2 n of a row.
int32_t edgecc_support_dft(void *const *data, const int64_t *params, void *scratch) {
  Array x = supportArray(data[0], &params), y = supportArray(data[1], &params);
  int64_t axis = params[0], isInverse = params[1], n = x.dims[axis], out = y.dims[axis];
  int64_t last = x.rank - 1, rows = 1, isComplex = x.dims[last] == 2;
  double *cosines = scratch, *sines = cosines + n, *real = sines + n, *imaginary = real + n;
  for (int64_t k = 0; k < n; ++k) {
    double angle = (isInverse ? 2.0 : -2.0) * 3.14159265358979323846 * (double)k / (double)n;
    cosines[k] = edgecc_support_cos(angle);
    sines[k] = edgecc_support_sin(angle);
  }
  for (int32_t d = 0; d < last; ++d)
    rows *= d == axis ? 1 : x.dims[d];
  for (int64_t row = 0; row < rows; ++row) {
    int64_t from = 0, to = 0, rest = row;
    for (int64_t d = last; d-- > 0;) {
      if (d == axis)
        continue;
      from += rest % x.dims[d] * x.strides[d];
      to += rest % x.dims[d] * y.strides[d];
      rest /= x.dims[d];
    }
    for (int64_t i = 0; i < n; ++i) {
      real[i] = supportLoad(&x, from + i * x.strides[axis]);
      imaginary[i] = isComplex ? supportLoad(&x, from + i * x.strides[axis] + x.strides[last]) : 0;
    }
    for (int64_t k = 0; k < out; ++k) {
      double re = 0, im = 0;
      for (int64_t i = 0, turn = 0; i < n; ++i) {
        re += real[i] * cosines[turn] - imaginary[i] * sines[turn];
        im += real[i] * sines[turn] + imaginary[i] * cosines[turn];
        turn += k;
        turn -= turn >= n ? n : 0;
      }
      if (isInverse) {
        re /= (double)n;
        im /= (double)n;
      }
      supportStore(&y, to + k * y.strides[axis], re);
      supportStore(&y, to + k * y.strides[axis] + y.strides[last], im);
    }
  }
  return kOk;
}

// data: x, lengths, result. params: batch axis, time axis.
int32_t edgecc_support_reverse_sequence(void *const *data, const int64_t *params, void *scratch) {
  Array x = supportArray(data[0], &params), lengths = supportArray(data[1], &params),
        y = supportArray(data[2], &params);
  int64_t batchAxis = params[0], timeAxis = params[1], inner = 1;
  int32_t status = kOk;
  (void)scratch;
  for (int32_t d = 2; d < x.rank; ++d)
    inner *= x.dims[d];
  Array tail = x, tailTo = y; // the axes beyond the first two
  tail.rank = tailTo.rank = x.rank - 2;
  tail.dims += 2, tail.strides += 2, tailTo.dims += 2, tailTo.strides += 2;
  for (int64_t b = 0; b < x.dims[batchAxis]; ++b) {
    int64_t length = supportLoadInt(&lengths, b * lengths.strides[0]);
    if (length < 0 || length > x.dims[timeAxis]) {
      status = kBadIndex;
      length = 0;
    }
    for (int64_t t = 0; t < x.dims[timeAxis]; ++t) {
      int64_t source = t < length ? length - 1 - t : t;
      int64_t from = b * x.strides[batchAxis] + source * x.strides[timeAxis];
      int64_t to = b * y.strides[batchAxis] + t * y.strides[timeAxis];
      for (int64_t i = 0; i < inner; ++i)
        supportCopyElement(&y, to + supportOffset(&tailTo, i), &x, from + supportOffset(&tail, i));
    }
  }
  return status;
}
