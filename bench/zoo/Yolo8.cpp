// YOLOv8 of Ultralytics: detection, masks, poses. Ends in the raw convolutions of every size, or as
// the camera vendor's exporter makes it: boxes, best score and scores in one output.
#include "bench/zoo/Blocks.h"
#include "bench/zoo/Families.h"
#include "bench/zoo/YoloHeads.h"

#include <algorithm>

namespace edgecc::zoo {

namespace {

enum class Task { Detect, DetectOnCamera, Segment, Pose };

struct Variant {
  const char *name;
  Scale scale;
  Task task = Task::Detect;
  int64_t extent = 640;
};

constexpr int64_t kMasks = 32, kKeypointValues = 17 * 3;

// Coefficients for every cell: two 3x3 layers and a 1x1 one.
void coefficientHeads(Net &net, const std::vector<Value *> &levels, int64_t count) {
  int64_t inner = std::max(channelsOf(levels[0]) / 4, count);
  for (Value *level : levels)
    net.output(boxHead(net, level, inner, count));
}

std::unique_ptr<Module> yolo8(const Variant &v) {
  Net net(v.name);
  auto conv = [&](Value *x, int64_t c) {
    return net.conv(x, v.scale.channels(c), {.kernel = 3, .stride = 2, .act = Act::Silu});
  };
  auto csp = [&](Value *x, int64_t c, int repeats, bool shortcut) {
    return c2f(net, x, {v.scale.channels(c), v.scale.repeats(repeats), shortcut});
  };
  Value *x = conv(net.input({1, 3, v.extent, v.extent}), 64);
  x = csp(conv(x, 128), 128, 3, true);
  Value *fine = csp(conv(x, 256), 256, 6, true);
  Value *middle = csp(conv(fine, 512), 512, 6, true);
  Value *coarse = csp(conv(middle, 1024), 1024, 3, true);
  coarse = sppf(net, coarse, v.scale.channels(1024));

  Value *up = csp(net.concat({net.upsample(coarse), middle}), 512, 3, false);
  Value *out3 = csp(net.concat({net.upsample(up), fine}), 256, 3, false);
  Value *out4 = csp(net.concat({conv(out3, 256), up}), 512, 3, false);
  Value *out5 = csp(net.concat({conv(out4, 512), coarse}), 1024, 3, false);

  const std::vector<Value *> levels{out3, out4, out5};
  const int64_t classes = v.task == Task::Pose ? 1 : 80;
  int64_t boxInner = boxHeadChannels(levels[0]);
  int64_t classInner = std::max(channelsOf(levels[0]), std::min<int64_t>(classes, 100));
  for (Value *level : levels) {
    Value *boxes = boxHead(net, level, boxInner, kBoxValues);
    Value *scores = boxHead(net, level, classInner, classes);
    if (v.task == Task::DetectOnCamera)
      cameraOutput(net, boxes, scores);
    else
      for (Value *output : {boxes, scores})
        net.output(output);
  }
  if (v.task == Task::Pose)
    coefficientHeads(net, levels, kKeypointValues);
  if (v.task == Task::Segment) {
    coefficientHeads(net, levels, kMasks);
    int64_t c = v.scale.channels(256);
    Window wide{.kernel = 3, .act = Act::Silu};
    x = net.deconv(net.conv(out3, c, wide), c, 2, 2);
    net.output(net.conv(net.conv(x, c, wide), kMasks, {.act = Act::Silu}));
  }
  return net.finish();
}

Topology topology(std::vector<Topology::Row> rows, const Variant &variant, std::string note = {}) {
  return {variant.name, "YOLOv8", std::move(rows), [variant] { return yolo8(variant); },
          std::move(note)};
}

} // namespace

std::vector<Topology> yolo8s() {
  constexpr Scale kNano{1.0 / 3, 0.25, 1024}, kMedium{2.0 / 3, 0.75, 768}, kExtra{1, 1.25, 512};
  return {
      topology({{"Myriad X", "YOLOv8n"}}, {"yolov8n_416", kNano, Task::DetectOnCamera, 416}),
      topology({}, {"yolov8n", kNano},
               "for comparison with the figures that its authors print: 3.2 M parameters, 8.7 G"),
      topology({{"Hailo-8", "yolov8m"}}, {"yolov8m", kMedium}),
      topology({{"Hailo-8", "yolov8x"}}, {"yolov8x", kExtra}),
      topology({{"Hailo-8", "yolov8m_seg"}}, {"yolov8m_seg", kMedium, Task::Segment}),
      topology({{"Hailo-8", "yolov8m_pose"}}, {"yolov8m_pose", kMedium, Task::Pose}),
  };
}

} // namespace edgecc::zoo
