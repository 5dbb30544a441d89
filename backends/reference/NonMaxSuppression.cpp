#include "backends/reference/Kernels.h"

#include <algorithm>
#include <limits>

namespace edgecc::reference {

namespace {

struct Box {
  float left, top, right, bottom;
  float area() const { return (right - left) * (bottom - top); }
};

// Two opposite corners in any order as y1, x1, y2, x2, or centre and size as x, y, width, height.
Box boxOf(const float *b, bool isCentre) {
  if (isCentre)
    return {b[0] - b[2] / 2, b[1] - b[3] / 2, b[0] + b[2] / 2, b[1] + b[3] / 2};
  return {std::min(b[1], b[3]), std::min(b[0], b[2]), std::max(b[1], b[3]), std::max(b[0], b[2])};
}

// Intersection over union; 0 for boxes without area.
float overlap(const Box &a, const Box &b) {
  float width = std::min(a.right, b.right) - std::max(a.left, b.left);
  float height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  if (!(width > 0) || !(height > 0))
    return 0;
  float shared = width * height, all = a.area() + b.area() - shared;
  return all > 0 ? shared / all : 0;
}

} // namespace

Results nonMaxSuppression(const Call &call) {
  const Tensor &boxes = call[0], &scores = call[1];
  int64_t batches = boxes.dims()[0], count = boxes.dims()[1], classes = scores.dims()[1];
  if (scores.dims()[0] != batches || scores.dims()[2] != count)
    return error("NonMaxSuppression: boxes and scores do not agree", call.op.location);
  float iouThreshold = call.has(2) ? call[2].data<float>()[0] : 0.0f;
  float scoreThreshold =
      call.has(3) ? call[3].data<float>()[0] : -std::numeric_limits<float>::infinity();
  auto most = static_cast<size_t>(call.op.integer("max_boxes"));
  bool isCentre = call.op.flag("center_point_box");
  std::vector<int64_t> rows;
  for (int64_t batch = 0; batch < batches; ++batch)
    for (int64_t c = 0; c < classes; ++c) {
      const float *score = scores.data<float>().data() + (batch * classes + c) * count;
      const float *corners = boxes.data<float>().data() + batch * count * 4;
      std::vector<int64_t> candidates;
      for (int64_t i = 0; i < count; ++i)
        if (score[i] > scoreThreshold)
          candidates.push_back(i);
      std::ranges::sort(candidates, [&](int64_t a, int64_t b) {
        return score[a] > score[b] || (score[a] == score[b] && a < b);
      });
      std::vector<Box> kept;
      for (int64_t i : candidates) {
        if (kept.size() >= most)
          break;
        Box box = boxOf(corners + 4 * i, isCentre);
        if (std::ranges::any_of(kept, [&](const Box &k) { return overlap(k, box) > iouThreshold; }))
          continue;
        kept.push_back(box);
        rows.insert(rows.end(), {batch, c, i});
      }
    }
  auto selected = static_cast<int64_t>(rows.size() / 3);
  return one(Tensor::of<int64_t>(DType::I64, {selected, 3}, rows));
}

} // namespace edgecc::reference
