// Sampling and scattering of images: GridSample, RoiAlign, DeformConv, MaxUnpool, Col2Im.
#include "Support.h"

static double clampReal(double x, double low, double high) {
  return x < low ? low : x > high ? high : x;
}

static void fillZero(const Array *a) {
  int64_t n = supportCount(a);
  for (int64_t i = 0; i < n; ++i)
    supportStore(a, supportOffset(a, i), 0);
}

// --- GridSample ---

enum { kNearest, kLinear, kCubic };
enum { kZeros, kBorder, kReflection };

static double reflect(double x, double low, double high) {
  double span = high - low;
  if (span <= 0)
    return low;
  double distance = x < low ? low - x : x > high ? x - high : 0;
  if (distance == 0)
    return x;
  double turns = supportFloor(distance / span), rest = distance - turns * span;
  int isEven = turns / 2 == supportFloor(turns / 2);
  return (x < low) == isEven ? low + rest : high - rest;
}

typedef struct {
  const Array *x;
  int64_t base; // of the sample's channel
  int64_t padding, isAligned;
  int spatial;
} Sampler;

// The element at integer coordinates (axis order), 0 outside in mode zeros.
static double pixelAt(const Sampler *s, const int64_t *at) {
  int64_t offset = s->base;
  for (int d = 0; d < s->spatial; ++d) {
    int64_t extent = s->x->dims[d + 2], i = at[d];
    if (i < 0 || i >= extent) {
      if (s->padding == kZeros)
        return 0;
      if (s->padding == kReflection) {
        double low = s->isAligned ? 0 : -0.5;
        i = (int64_t)supportFloor(reflect((double)i, low, (double)extent - 1 - low) + 0.5);
      }
      i = i < 0 ? 0 : i >= extent ? extent - 1 : i;
    }
    offset += i * s->x->strides[d + 2];
  }
  return supportLoad(s->x, offset);
}

static void cubicWeights(double t, double *w) { // Keys 1981, a = -0.75
  const double a = -0.75;
  for (int k = 0; k < 4; ++k) {
    double d = k < 1 ? t + 1 : k < 2 ? t : k < 3 ? 1 - t : 2 - t;
    w[k] = d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  }
}

static double sampleAt(const Sampler *s, const double *where, int64_t mode) {
  int64_t first[3], at[3];
  double weights[3][4];
  int taps = mode == kNearest ? 1 : mode == kLinear ? 2 : 4;
  for (int d = 0; d < s->spatial; ++d) {
    double low = mode == kNearest ? where[d] : supportFloor(where[d]), t = where[d] - low;
    first[d] = (int64_t)low - (mode == kCubic ? 1 : 0);
    if (mode == kCubic) {
      cubicWeights(t, weights[d]);
    } else {
      weights[d][0] = mode == kNearest ? 1 : 1 - t;
      weights[d][1] = t;
    }
  }
  double sum = 0;
  int total = 1;
  for (int d = 0; d < s->spatial; ++d)
    total *= taps;
  for (int k = 0; k < total; ++k) {
    double weight = 1;
    int rest = k;
    for (int d = s->spatial; d-- > 0;) {
      int tap = rest % taps;
      rest /= taps;
      at[d] = first[d] + tap;
      weight *= weights[d][tap];
    }
    if (weight != 0)
      sum += weight * pixelAt(s, at);
  }
  return sum;
}

// data: x, grid, result. params: mode, padding, align_corners.
int32_t edgecc_support_grid_sample(void *const *data, const int64_t *params, void *scratch) {
  Array x = supportArray(data[0], &params), grid = supportArray(data[1], &params),
        y = supportArray(data[2], &params);
  int64_t mode = params[0];
  (void)scratch;
  Sampler s = {&x, 0, params[1], params[2], x.rank - 2};
  int64_t positions = supportCount(&grid) / s.spatial / x.dims[0];
  for (int64_t n = 0; n < x.dims[0]; ++n)
    for (int64_t p = 0; p < positions; ++p) {
      double where[3];
      for (int d = 0; d < s.spatial; ++d) {
        // The grid's last axis is in the order x, y(, z).
        int64_t index = (n * positions + p) * s.spatial + (s.spatial - 1 - d);
        double g = supportLoad(&grid, supportOffset(&grid, index));
        double size = (double)x.dims[d + 2], low = s.isAligned ? 0 : -0.5;
        double c = s.isAligned ? (g + 1) / 2 * (size - 1) : ((g + 1) * size - 1) / 2;
        if (mode == kNearest)
          c = supportRoundEven(c);
        if (c < low || c > size - 1 - low) {
          if (s.padding == kBorder)
            c = clampReal(c, 0, size - 1);
          else if (s.padding == kReflection)
            c = reflect(c, low, size - 1 - low);
        }
        // Far outside (or NaN) reads padding; keep the conversion to integers defined.
        where[d] = c == c ? clampReal(c, -4, size + 4) : -4;
      }
      for (int64_t ch = 0; ch < x.dims[1]; ++ch) {
        s.base = n * x.strides[0] + ch * x.strides[1];
        int64_t to = n * y.strides[0] + ch * y.strides[1], rest = p;
        for (int d = s.spatial; d-- > 0;) {
          to += rest % y.dims[d + 2] * y.strides[d + 2];
          rest /= y.dims[d + 2];
        }
        supportStore(&y, to, sampleAt(&s, where, mode));
      }
    }
  return kOk;
}

// --- RoiAlign ---

// Bilinear sample (He et al. 2017); for the maximum, the largest weighted corner.
static double roiSample(const Array *x, int64_t base, double r, double c, int64_t isMax) {
  int64_t h = x->dims[2], w = x->dims[3];
  if (!(r >= -1 && r <= (double)h && c >= -1 && c <= (double)w))
    return 0;
  r = r < 0 ? 0 : r;
  c = c < 0 ? 0 : c;
  int64_t r0 = (int64_t)r, c0 = (int64_t)c, r1 = r0 + 1, c1 = c0 + 1;
  if (r0 >= h - 1) {
    r0 = r1 = h - 1;
    r = (double)r0;
  }
  if (c0 >= w - 1) {
    c0 = c1 = w - 1;
    c = (double)c0;
  }
  double tr = r - (double)r0, tc = c - (double)c0;
  double v[4] = {(1 - tr) * (1 - tc) *
                     supportLoad(x, base + r0 * x->strides[2] + c0 * x->strides[3]),
                 (1 - tr) * tc * supportLoad(x, base + r0 * x->strides[2] + c1 * x->strides[3]),
                 tr * (1 - tc) * supportLoad(x, base + r1 * x->strides[2] + c0 * x->strides[3]),
                 tr * tc * supportLoad(x, base + r1 * x->strides[2] + c1 * x->strides[3])};
  double result = v[0];
  for (int k = 1; k < 4; ++k)
    result = isMax ? (v[k] > result ? v[k] : result) : result + v[k];
  return result;
}

// data: x, rois, batch indices, result. params: sampling ratio, spatial scale (f64), max,
// half pixel.
int32_t edgecc_support_roi_align(void *const *data, const int64_t *params, void *scratch) {
  Array x = supportArray(data[0], &params), rois = supportArray(data[1], &params),
        batches = supportArray(data[2], &params), y = supportArray(data[3], &params);
  int64_t ratio = params[0], isMax = params[2];
  double scale = supportReal(params[1]), shift = params[3] ? 0.5 : 0;
  int32_t status = kOk;
  (void)scratch;
  for (int64_t r = 0; r < rois.dims[0]; ++r) {
    int64_t batch = supportLoadInt(&batches, r * batches.strides[0]);
    if (batch < 0 || batch >= x.dims[0]) {
      status = kBadIndex;
      batch = 0;
    }
    double corner[4];
    for (int k = 0; k < 4; ++k)
      corner[k] = supportLoad(&rois, r * rois.strides[0] + k * rois.strides[1]) * scale - shift;
    double width = corner[2] - corner[0], height = corner[3] - corner[1];
    if (!params[3]) {
      width = width < 1 ? 1 : width;
      height = height < 1 ? 1 : height;
    }
    double binH = height / (double)y.dims[2], binW = width / (double)y.dims[3];
    // Adaptive sampling is bounded: a region far larger than the image holds no more detail.
    double most = 4096;
    int64_t gridH = ratio > 0 ? ratio : (int64_t)clampReal(-supportFloor(-binH), 0, most);
    int64_t gridW = ratio > 0 ? ratio : (int64_t)clampReal(-supportFloor(-binW), 0, most);
    int64_t samples = gridH * gridW;
    for (int64_t c = 0; c < x.dims[1]; ++c)
      for (int64_t ph = 0; ph < y.dims[2]; ++ph)
        for (int64_t pw = 0; pw < y.dims[3]; ++pw) {
          double result = 0;
          for (int64_t s = 0; s < samples; ++s) {
            double row =
                corner[1] + (double)ph * binH + ((double)(s / gridW) + 0.5) * binH / (double)gridH;
            double column =
                corner[0] + (double)pw * binW + ((double)(s % gridW) + 0.5) * binW / (double)gridW;
            double v = roiSample(&x, batch * x.strides[0] + c * x.strides[1], row, column, isMax);
            result = isMax ? (s == 0 || v > result ? v : result) : result + v;
          }
          if (!isMax && samples > 0)
            result /= (double)samples;
          supportStore(&y,
                       r * y.strides[0] + c * y.strides[1] + ph * y.strides[2] + pw * y.strides[3],
                       result);
        }
  }
  return status;
}

// --- MaxUnpool ---

// data: x, indices, result. params: index_shape.
int32_t edgecc_support_max_unpool(void *const *data, const int64_t *params, void *scratch) {
  Array x = supportArray(data[0], &params), indices = supportArray(data[1], &params),
        y = supportArray(data[2], &params);
  int64_t n = supportCount(&x), limit = 1;
  int32_t status = kOk;
  (void)scratch;
  for (int32_t d = 0; d < y.rank; ++d)
    limit *= params[d];
  fillZero(&y);
  for (int64_t i = 0; i < n; ++i) {
    int64_t position = supportLoadInt(&indices, supportOffset(&indices, i)), to = 0;
    int isInside = position >= 0 && position < limit;
    for (int32_t d = y.rank; isInside && d-- > 0;) {
      int64_t index = position % params[d];
      position /= params[d];
      isInside = index < y.dims[d];
      to += index * y.strides[d];
    }
    if (isInside)
      supportCopyElement(&y, to, &x, supportOffset(&x, i));
    else
      status = kBadIndex;
  }
  return status;
}

// --- Col2Im ---

// data: x, result. params: for each spatial axis block, stride, dilation, pad and number of blocks.
// scratch: one f64 for each element of an image.
int32_t edgecc_support_col2im(void *const *data, const int64_t *params, void *scratch) {
  Array x = supportArray(data[0], &params), y = supportArray(data[1], &params);
  int spatial = y.rank - 2;
  int64_t image = 1, taps = 1, blocks = 1;
  double *sum = scratch;
  for (int d = 0; d < spatial; ++d) {
    image *= y.dims[d + 2];
    taps *= params[5 * d];
    blocks *= params[5 * d + 4];
  }
  for (int64_t plane = 0; plane < y.dims[0] * y.dims[1]; ++plane) {
    int64_t n = plane / y.dims[1], c = plane % y.dims[1];
    for (int64_t i = 0; i < image; ++i)
      sum[i] = 0;
    for (int64_t tap = 0; tap < taps; ++tap)
      for (int64_t block = 0; block < blocks; ++block) {
        int64_t t = tap, b = block, at = 0, stride = 1;
        int isInside = 1;
        for (int d = spatial; d-- > 0;) {
          const int64_t *p = params + 5 * d;
          int64_t i = b % p[4] * p[1] + t % p[0] * p[2] - p[3];
          b /= p[4];
          t /= p[0];
          isInside &= i >= 0 && i < y.dims[d + 2];
          at += i * stride;
          stride *= y.dims[d + 2];
        }
        if (isInside)
          sum[at] += supportLoad(&x, n * x.strides[0] + (c * taps + tap) * x.strides[1] +
                                         block * x.strides[2]);
      }
    for (int64_t i = 0; i < image; ++i)
      supportStore(&y, supportOffset(&y, plane * image + i), sum[i]);
  }
  return kOk;
}

// --- DeformConv ---

static double bilinear(const Array *x, int64_t base, double r, double c) {
  int64_t h = x->dims[2], w = x->dims[3];
  if (!(r > -1 && r < (double)h && c > -1 && c < (double)w))
    return 0;
  int64_t r0 = (int64_t)supportFloor(r), c0 = (int64_t)supportFloor(c);
  double tr = r - (double)r0, tc = c - (double)c0, sum = 0;
  for (int k = 0; k < 4; ++k) {
    int64_t i = r0 + k / 2, j = c0 + k % 2;
    if (i < 0 || i >= h || j < 0 || j >= w)
      continue;
    sum += (k / 2 ? tr : 1 - tr) * (k % 2 ? tc : 1 - tc) *
           supportLoad(x, base + i * x->strides[2] + j * x->strides[3]);
  }
  return sum;
}

// data: x, w, offset, result, b or null, mask or null. params: descriptions of b and mask only
// where present; then strides, dilations, low pads (2 each), group, offset_group.
int32_t edgecc_support_deform_conv(void *const *data, const int64_t *params, void *scratch) {
  Array x = supportArray(data[0], &params), w = supportArray(data[1], &params),
        offset = supportArray(data[2], &params), y = supportArray(data[3], &params);
  Array bias = {0}, mask = {0};
  (void)scratch;
  if (data[4])
    bias = supportArray(data[4], &params);
  if (data[5])
    mask = supportArray(data[5], &params);
  const int64_t *strides = params, *dilations = params + 2, *pads = params + 4;
  int64_t group = params[6], offsetGroups = params[7];
  int64_t kh = w.dims[2], kw = w.dims[3], icPerGroup = w.dims[1], ocPerGroup = w.dims[0] / group;
  int64_t channelsPerOffset = x.dims[1] / offsetGroups, n = supportCount(&y);
  for (int64_t i = 0; i < n; ++i) {
    int64_t ow = i % y.dims[3], oh = i / y.dims[3] % y.dims[2],
            oc = i / y.dims[3] / y.dims[2] % y.dims[1], b = i / y.dims[3] / y.dims[2] / y.dims[1];
    double sum = data[4] ? supportLoad(&bias, oc * bias.strides[0]) : 0;
    for (int64_t k = 0; k < icPerGroup; ++k) {
      int64_t ic = oc / ocPerGroup * icPerGroup + k, og = ic / channelsPerOffset;
      for (int64_t tap = 0; tap < kh * kw; ++tap) {
        int64_t t = og * kh * kw + tap;
        int64_t place = b * offset.strides[0] + oh * offset.strides[2] + ow * offset.strides[3];
        double r = (double)(oh * strides[0] - pads[0] + tap / kw * dilations[0]) +
                   supportLoad(&offset, place + 2 * t * offset.strides[1]);
        double c = (double)(ow * strides[1] - pads[1] + tap % kw * dilations[1]) +
                   supportLoad(&offset, place + (2 * t + 1) * offset.strides[1]);
        double v = bilinear(&x, b * x.strides[0] + ic * x.strides[1], r, c);
        if (data[5])
          v *= supportLoad(&mask, b * mask.strides[0] + t * mask.strides[1] + oh * mask.strides[2] +
                                      ow * mask.strides[3]);
        sum += v * supportLoad(&w, oc * w.strides[0] + k * w.strides[1] + tap / kw * w.strides[2] +
                                       tap % kw * w.strides[3]);
      }
    }
    supportStore(&y, supportOffset(&y, i), sum);
  }
  return kOk;
}
