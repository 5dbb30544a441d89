// YOLO11 of Ultralytics. Ends in the raw convolutions of every size.
#include "bench/zoo/Attention.h"
#include "bench/zoo/Blocks.h"
#include "bench/zoo/Families.h"
#include "bench/zoo/YoloHeads.h"

#include <algorithm>

namespace edgecc::zoo {

namespace {

struct Variant {
  const char *name;
  Scale scale;
  bool nested; // cross-stage partial blocks inside every block, not only in the coarse ones
};

// A cross-stage partial block of two pairs of 3x3 layers.
Value *nestedBlock(Net &net, Value *x) {
  int64_t c = channelsOf(x), inner = c / 2;
  Value *left = net.conv(x, inner, {.act = Act::Silu});
  Value *right = net.conv(x, inner, {.act = Act::Silu});
  for (int i = 0; i < 2; ++i)
    left = residualPair(net, left, {inner, inner, 3});
  return net.conv(net.concat({left, right}), c, {.act = Act::Silu});
}

std::unique_ptr<Module> yolo11(const Variant &v) {
  Net net(v.name);
  auto conv = [&](Value *x, int64_t c) {
    return net.conv(x, v.scale.channels(c), {.kernel = 3, .stride = 2, .act = Act::Silu});
  };
  auto csp = [&](Value *x, int64_t c, bool nested, int64_t narrow = 2) {
    int64_t channels = v.scale.channels(c), inner = channels / narrow;
    return c2fOf(net, x, channels, inner, v.scale.repeats(2), [&](Value *y) {
      return nested || v.nested ? nestedBlock(net, y) : residualPair(net, y, {inner / 2, inner, 3});
    });
  };
  Value *x = conv(conv(net.input({1, 3, 640, 640}), 64), 128);
  Value *fine = csp(conv(csp(x, 256, false, 4), 256), 512, false, 4);
  Value *middle = csp(conv(fine, 512), 512, true);
  x = csp(conv(middle, 1024), 1024, true);
  Value *coarse = partialAttention(net, sppf(net, x, v.scale.channels(1024)), v.scale.repeats(2));

  Value *up = csp(net.concat({net.upsample(coarse), middle}), 512, false);
  Value *out3 = csp(net.concat({net.upsample(up), fine}), 256, false);
  Value *out4 = csp(net.concat({conv(out3, 256), up}), 512, false);
  Value *out5 = csp(net.concat({conv(out4, 512), coarse}), 1024, true);
  for (Value *level : {out3, out4, out5}) {
    net.output(boxHead(net, level, boxHeadChannels(out3), kBoxValues));
    net.output(separableHead(net, level, std::max<int64_t>(channelsOf(out3), 80), 80));
  }
  return net.finish();
}

Topology topology(const Variant &variant) {
  return {
      variant.name, "YOLO11", {{"Hailo-8", variant.name}}, [variant] { return yolo11(variant); }};
}

} // namespace

std::vector<Topology> yolo11s() {
  return {
      topology({"yolov11n", {0.5, 0.25, 1024}, false}),
      topology({"yolov11s", {0.5, 0.5, 1024}, false}),
      topology({"yolov11m", {0.5, 1, 512}, true}),
      topology({"yolov11l", {1, 1, 512}, true}),
      topology({"yolov11x", {1, 1.5, 512}, true}),
  };
}

} // namespace edgecc::zoo
