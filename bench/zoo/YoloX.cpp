// YOLOX (Ge et al. 2021). Ends in the box convolution and the sigmoids of objectness and classes,
// for every size.
#include "bench/zoo/Blocks.h"
#include "bench/zoo/Families.h"

namespace edgecc::zoo {

namespace {

struct Variant {
  const char *name;
  Scale scale;
  Act act;
  int64_t extent = 640;
};

void detect(Net &net, Value *x, int64_t channels, Act act) {
  x = net.conv(x, channels, {.act = act});
  auto tower = [&] {
    Value *y = x;
    for (int i = 0; i < 2; ++i)
      y = net.conv(y, channels, {.kernel = 3, .act = act});
    return y;
  };
  Value *classes = tower(), *boxes = tower();
  net.output(net.conv(boxes, 4));
  net.output(net.conv(boxes, 1, {.act = Act::Sigmoid}));
  net.output(net.conv(classes, 80, {.act = Act::Sigmoid}));
}

std::unique_ptr<Module> yoloX(const Variant &v) {
  Net net(v.name);
  auto conv = [&](Value *x, int64_t c, int64_t kernel, int64_t stride) {
    return net.conv(x, v.scale.channels(c), {.kernel = kernel, .stride = stride, .act = v.act});
  };
  auto csp = [&](Value *x, int64_t c, int repeats, bool shortcut) {
    return c3(net, x, {v.scale.channels(c), v.scale.repeats(repeats), shortcut, v.act});
  };
  Value *x = conv(net.spaceToDepth(net.input({1, 3, v.extent, v.extent}), 2), 64, 3, 1);
  x = csp(conv(x, 128, 3, 2), 128, 3, true);
  Value *fine = csp(conv(x, 256, 3, 2), 256, 9, true);
  Value *middle = csp(conv(fine, 512, 3, 2), 512, 9, true);
  x = spp(net, conv(middle, 1024, 3, 2), v.scale.channels(1024), v.act);
  Value *coarse = csp(x, 1024, 3, false);

  Value *lateralCoarse = conv(coarse, 512, 1, 1);
  x = csp(net.concat({net.upsample(lateralCoarse), middle}), 512, 3, false);
  Value *lateralMiddle = conv(x, 256, 1, 1);
  Value *out3 = csp(net.concat({net.upsample(lateralMiddle), fine}), 256, 3, false);
  Value *out4 = csp(net.concat({conv(out3, 256, 3, 2), lateralMiddle}), 512, 3, false);
  Value *out5 = csp(net.concat({conv(out4, 512, 3, 2), lateralCoarse}), 1024, 3, false);
  for (Value *level : {out3, out4, out5})
    detect(net, level, v.scale.channels(256), v.act);
  return net.finish();
}

Topology topology(const Variant &variant) {
  return {variant.name, "YOLOX", {{"Hailo-8", variant.name}}, [variant] { return yoloX(variant); }};
}

} // namespace

std::vector<Topology> yoloXs() {
  return {
      topology({"yolox_tiny", {0.33, 0.375}, Act::Silu, 416}),
      topology({"yolox_s_leaky", {0.33, 0.5}, Act::Leaky}),
      topology({"yolox_s_wide_leaky", {0.33, 0.75}, Act::Leaky}),
      topology({"yolox_l_leaky", {1, 1}, Act::Leaky}),
  };
}

} // namespace edgecc::zoo
