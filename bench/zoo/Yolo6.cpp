// YOLOv6-N of release 2 (Li et al. 2022): RepVGG blocks merged, anchor-free decoupled heads that
// end as the camera vendor's exporter makes them: boxes, best score and scores in one output for
// every size.
#include "bench/zoo/Blocks.h"
#include "bench/zoo/Families.h"

namespace edgecc::zoo {

namespace {

Value *rep(Net &net, Value *x, int64_t c, int count = 1, int64_t stride = 1) {
  for (int i = 0; i < count; ++i)
    x = net.conv(x, c, {.kernel = 3, .stride = i == 0 ? stride : 1, .act = Act::Relu});
  return x;
}

void detect(Net &net, Value *x) {
  int64_t c = channelsOf(x);
  constexpr Act kAct = Act::Silu;
  x = net.conv(x, c, {.act = kAct});
  Value *scores = net.conv(net.conv(x, c, {.kernel = 3, .act = kAct}), 80, {.act = Act::Sigmoid});
  Value *boxes = net.conv(net.conv(x, c, {.kernel = 3, .act = kAct}), 4);
  net.output(net.concat({boxes, net.maxOver(scores, 1), scores}));
}

std::unique_ptr<Module> yolo6n(const char *name, int64_t extent) {
  Net net(name);
  Value *x = rep(net, net.input({1, 3, extent, extent}), 16, 1, 2);
  auto stage = [&](Value *in, int64_t c, int count) {
    return rep(net, rep(net, in, c, 1, 2), c, count);
  };
  x = stage(x, 32, 2);
  Value *fine = stage(x, 64, 4);
  Value *middle = stage(fine, 128, 6);
  Value *coarse = sppf(net, stage(middle, 256, 2), 256, Act::Relu);

  Value *lateralCoarse = net.conv(coarse, 64, {.act = Act::Relu});
  x = net.concat({net.deconv(lateralCoarse, 64, 2, 2), middle});
  Value *lateralMiddle = net.conv(rep(net, x, 64, 4), 32, {.act = Act::Relu});
  x = net.concat({net.deconv(lateralMiddle, 32, 2, 2), fine});
  Value *out3 = rep(net, x, 32, 4);
  x = net.concat({rep(net, out3, 32, 1, 2), lateralMiddle});
  Value *out4 = rep(net, x, 64, 4);
  x = net.concat({rep(net, out4, 64, 1, 2), lateralCoarse});
  Value *out5 = rep(net, x, 128, 4);
  for (Value *out : {out3, out4, out5})
    detect(net, out);
  return net.finish();
}

} // namespace

std::vector<Topology> yolo6s() {
  return {
      {"yolov6n_r2_416",
       "YOLOv6",
       {{"Myriad X", "YOLOv6n R2"}},
       [] { return yolo6n("yolov6n_r2_416", 416); }},
      {"yolov6n_r2_640",
       "YOLOv6",
       {},
       [] { return yolo6n("yolov6n_r2_640", 640); },
       "for comparison with the figures that its authors print: 4.3 M parameters, 11.1 G"},
  };
}

} // namespace edgecc::zoo
