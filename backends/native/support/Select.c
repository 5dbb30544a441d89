// Sorting and selection: TopK, NonZero, Compress, Unique, NonMaxSuppression.
#include "Support.h"

// --- TopK ---

typedef struct {
  int64_t key, position;
} Entry;

// Whether a stands behind b in the result: a smaller key, or an equal one further back.
static int isBehind(Entry a, Entry b) {
  return a.key < b.key || (a.key == b.key && a.position > b.position);
}

static void siftDown(Entry *heap, int64_t count, int64_t at) {
  for (;;) {
    int64_t child = 2 * at + 1;
    if (child >= count)
      return;
    if (child + 1 < count && isBehind(heap[child + 1], heap[child]))
      ++child;
    if (!isBehind(heap[child], heap[at]))
      return;
    Entry swap = heap[at];
    heap[at] = heap[child];
    heap[child] = swap;
    at = child;
  }
}

// data: x, values, positions. params: axis, k, largest. scratch: k entries.
int32_t edgecc_support_top_k(void *const *data, const int64_t *params, void *scratch) {
  Array x = supportArray(data[0], &params), values = supportArray(data[1], &params),
        positions = supportArray(data[2], &params);
  int64_t axis = params[0], k = params[1], largest = params[2], n = x.dims[axis];
  Entry *heap = scratch; // the entry furthest behind on top
  int64_t rows = 1;
  for (int32_t d = 0; d < x.rank; ++d)
    rows *= d == axis ? 1 : x.dims[d];
  for (int64_t row = 0; row < rows && k > 0; ++row) {
    int64_t from = 0, to = 0, at = 0, rest = row;
    for (int32_t d = x.rank; d-- > 0;) {
      if (d == axis)
        continue;
      int64_t index = rest % x.dims[d];
      rest /= x.dims[d];
      from += index * x.strides[d];
      to += index * values.strides[d];
      at += index * positions.strides[d];
    }
    for (int64_t i = 0; i < n; ++i) {
      int64_t key = supportKey(&x, from + i * x.strides[axis]);
      Entry entry = {largest ? key : ~key, i};
      if (i < k) {
        heap[i] = entry;
        if (i == k - 1)
          for (int64_t j = k / 2; j-- > 0;)
            siftDown(heap, k, j);
      } else if (isBehind(heap[0], entry)) {
        heap[0] = entry;
        siftDown(heap, k, 0);
      }
    }
    for (int64_t count = k; count > 0; --count) { // the last of those left goes to the back
      Entry last = heap[0];
      heap[0] = heap[count - 1];
      siftDown(heap, count - 1, 0);
      supportCopyElement(&values, to + (count - 1) * values.strides[axis], &x,
                         from + last.position * x.strides[axis]);
      supportStoreInt(&positions, at + (count - 1) * positions.strides[axis], last.position);
    }
  }
  return kOk;
}

// --- NonZero ---

static int isNonZero(const Array *x, int64_t offset) {
  if (x->dtype <= kF64)
    return supportLoad(x, offset) != 0;
  return supportLoadInt(x, offset) != 0;
}

// data: x, positions [rank, count] dense, extents.
int32_t edgecc_support_non_zero(void *const *data, const int64_t *params, void *scratch) {
  Array x = supportArray(data[0], &params);
  int64_t *out = data[1], *extents = data[2], n = supportCount(&x), count = 0;
  (void)scratch;
  for (int64_t i = 0; i < n; ++i)
    count += isNonZero(&x, supportOffset(&x, i));
  int64_t at = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (!isNonZero(&x, supportOffset(&x, i)))
      continue;
    int64_t rest = i;
    for (int32_t d = x.rank; d-- > 0;) {
      out[d * count + at] = rest % x.dims[d];
      rest /= x.dims[d];
    }
    ++at;
  }
  extents[0] = x.rank;
  extents[1] = count;
  return kOk;
}

// --- Compress ---

// data: x, condition, result dense, extents. params: axis (-1: flattened).
int32_t edgecc_support_compress(void *const *data, const int64_t *params, void *scratch) {
  Array x = supportArray(data[0], &params), condition = supportArray(data[1], &params);
  Array y = {data[2], x.dtype, 0, 0, 0};
  int64_t *extents = data[3], axis = params[0], n = condition.dims[0], count = 0;
  (void)scratch;
  for (int64_t i = 0; i < n; ++i)
    count += supportLoadInt(&condition, i * condition.strides[0]) != 0;
  int64_t outer = 1, inner = 1;
  if (axis >= 0) {
    for (int32_t d = 0; d < x.rank; ++d) {
      outer *= d < axis ? x.dims[d] : 1;
      inner *= d > axis ? x.dims[d] : 1;
      extents[d] = d == axis ? count : x.dims[d];
    }
  } else {
    extents[0] = count;
  }
  int64_t extent = axis >= 0 ? x.dims[axis] : 0, to = 0;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < n; ++i) {
      if (!supportLoadInt(&condition, i * condition.strides[0]))
        continue;
      for (int64_t k = 0; k < inner; ++k)
        supportCopyElement(&y, to++, &x, supportOffset(&x, (o * extent + i) * inner + k));
    }
  return kOk;
}

// --- Unique ---

// Order of slices a and b along an axis: element by element.
static int compareSlices(const Array *x, int64_t axis, int64_t inner, int64_t outer, int64_t a,
                         int64_t b) {
  int64_t extent = axis < 0 ? 0 : x->dims[axis];
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      int64_t left = supportKey(x, supportOffset(x, (o * extent + a) * inner + i));
      int64_t right = supportKey(x, supportOffset(x, (o * extent + b) * inner + i));
      if (left != right)
        return left < right ? -1 : 1;
    }
  return 0;
}

// data: x, values dense, extents; then for each further result that is present its data and, where
// it is bounded, its extents. params: axis, sorted, which of (first, inverse, counts) are present,
// which of the four results report extents. scratch: 3 arrays of one i64 per slice.
int32_t edgecc_support_unique(void *const *data, const int64_t *params, void *scratch) {
  Array x = supportArray(data[0], &params);
  int64_t axis = params[0], isSorted = params[1], present = params[2];
  int64_t slices = axis < 0 ? supportCount(&x) : x.dims[axis], inner = 1, outer = 1;
  for (int32_t d = 0; axis >= 0 && d < x.rank; ++d) {
    outer *= d < axis ? x.dims[d] : 1;
    inner *= d > axis ? x.dims[d] : 1;
  }
  int64_t *order = scratch, *next = order + slices, *group = next + slices;
  // Bottom-up merge sort: stable, so equal slices stay in order of occurrence.
  for (int64_t i = 0; i < slices; ++i)
    order[i] = i;
  for (int64_t width = 1; width < slices; width *= 2) {
    for (int64_t low = 0; low < slices; low += 2 * width) {
      int64_t middle = low + width < slices ? low + width : slices;
      int64_t high = low + 2 * width < slices ? low + 2 * width : slices;
      for (int64_t a = low, b = middle, at = low; at < high; ++at) {
        int takeLeft = b >= high || (a < middle && compareSlices(&x, axis, inner, outer, order[a],
                                                                 order[b]) <= 0);
        next[at] = takeLeft ? order[a++] : order[b++];
      }
    }
    int64_t *swap = order;
    order = next;
    next = swap;
  }
  // group[slice] is the first occurrence of its value.
  int64_t count = 0;
  for (int64_t i = 0; i < slices; ++i) {
    int same = i > 0 && compareSlices(&x, axis, inner, outer, order[i - 1], order[i]) == 0;
    group[order[i]] = same ? group[order[i - 1]] : order[i];
    count += !same;
  }
  // order[k]: first occurrence of the k-th value.
  int64_t at = 0;
  if (isSorted) {
    for (int64_t i = 0; i < slices; ++i)
      if (group[order[i]] == order[i])
        order[at++] = order[i];
  } else {
    for (int64_t i = 0; i < slices; ++i)
      if (group[i] == i)
        order[at++] = i;
  }
  for (int64_t k = 0; k < count; ++k)
    next[order[k]] = k; // the number of a value, by its first occurrence
  Array y = {data[1], x.dtype, 0, 0, 0};
  int64_t *extents = data[2], to = 0;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t k = 0; k < count; ++k)
      for (int64_t i = 0; i < inner; ++i) {
        int64_t from = axis < 0 ? order[k] : (o * slices + order[k]) * inner + i;
        supportCopyElement(&y, to++, &x, supportOffset(&x, from));
      }
  if (axis < 0)
    extents[0] = count;
  for (int32_t d = 0; axis >= 0 && d < x.rank; ++d)
    extents[d] = d == axis ? count : x.dims[d];
  void *const *rest = data + 3;
  if (present & 1) {
    int64_t *first = rest[0], *size = rest[1];
    rest += 2;
    *size = count;
    for (int64_t k = 0; k < count; ++k)
      first[k] = order[k];
  }
  if (present & 2) {
    int64_t *inverse = *rest++;
    for (int64_t i = 0; i < slices; ++i)
      inverse[i] = next[group[i]];
  }
  if (present & 4) {
    int64_t *counts = rest[0], *size = rest[1];
    *size = count;
    for (int64_t k = 0; k < count; ++k)
      counts[k] = 0;
    for (int64_t i = 0; i < slices; ++i)
      ++counts[next[group[i]]];
  }
  return kOk;
}

// --- NonMaxSuppression ---

typedef struct {
  float y1, x1, y2, x2;
} Box;

static Box boxAt(const Array *boxes, int64_t batch, int64_t i, int64_t isCentred) {
  float v[4];
  for (int k = 0; k < 4; ++k)
    v[k] = ((const float *)boxes
                ->data)[batch * boxes->strides[0] + i * boxes->strides[1] + k * boxes->strides[2]];
  if (isCentred)
    return (Box){v[1] - v[3] / 2, v[0] - v[2] / 2, v[1] + v[3] / 2, v[0] + v[2] / 2};
  return (Box){v[0] < v[2] ? v[0] : v[2], v[1] < v[3] ? v[1] : v[3], v[0] < v[2] ? v[2] : v[0],
               v[1] < v[3] ? v[3] : v[1]};
}

static float overlap(Box a, Box b) { // intersection over union
  float h = (a.y2 < b.y2 ? a.y2 : b.y2) - (a.y1 > b.y1 ? a.y1 : b.y1);
  float w = (a.x2 < b.x2 ? a.x2 : b.x2) - (a.x1 > b.x1 ? a.x1 : b.x1);
  if (h <= 0 || w <= 0)
    return 0;
  float shared = h * w;
  float all = (a.y2 - a.y1) * (a.x2 - a.x1) + (b.y2 - b.y1) * (b.x2 - b.x1) - shared;
  return all > 0 ? shared / all : 0;
}

// data: boxes, scores, result [count, 3] dense, extents, iou threshold or null, score threshold or
// null. params: boxes per class, centred. scratch: one entry per box.
int32_t edgecc_support_nms(void *const *data, const int64_t *params, void *scratch) {
  Array boxes = supportArray(data[0], &params), scores = supportArray(data[1], &params);
  int64_t *out = data[2], *extents = data[3], most = params[0], isCentred = params[1], count = 0;
  float maximumOverlap = data[4] ? *(const float *)data[4] : 0;
  const float *threshold = data[5];
  Entry *heap = scratch;
  int64_t n = boxes.dims[1];
  for (int64_t batch = 0; batch < scores.dims[0]; ++batch)
    for (int64_t c = 0; c < scores.dims[1]; ++c) {
      // Candidates in a heap with the best on top: keys are negated.
      int64_t candidates = 0;
      for (int64_t i = 0; i < n; ++i) {
        int64_t at = batch * scores.strides[0] + c * scores.strides[1] + i * scores.strides[2];
        if (!threshold || ((const float *)scores.data)[at] > *threshold)
          heap[candidates++] = (Entry){~supportKey(&scores, at), -i};
      }
      for (int64_t j = candidates / 2; j-- > 0;)
        siftDown(heap, candidates, j);
      int64_t first = count;
      while (candidates > 0 && count - first < most) {
        int64_t i = -heap[0].position;
        heap[0] = heap[--candidates];
        siftDown(heap, candidates, 0);
        Box box = boxAt(&boxes, batch, i, isCentred);
        int keep = 1;
        for (int64_t k = first; k < count && keep; ++k)
          keep = overlap(box, boxAt(&boxes, batch, out[3 * k + 2], isCentred)) <= maximumOverlap;
        if (!keep)
          continue;
        out[3 * count] = batch;
        out[3 * count + 1] = c;
        out[3 * count + 2] = i;
        ++count;
      }
    }
  extents[0] = count;
  extents[1] = 3;
  return kOk;
}
