// EfficientNet-B0 (Tan and Le 2019).
#include "bench/zoo/Blocks.h"
#include "bench/zoo/Families.h"

namespace edgecc::zoo {

static std::unique_ptr<Module> efficientNetB0() {
  constexpr Act kAct = Act::Silu;
  struct Stage {
    int64_t kernel, expansion, channels;
    int repeats;
    int64_t stride;
  };
  constexpr Stage kStages[] = {{3, 1, 16, 1, 1}, {3, 6, 24, 2, 2},  {5, 6, 40, 2, 2},
                               {3, 6, 80, 3, 2}, {5, 6, 112, 3, 1}, {5, 6, 192, 4, 2},
                               {3, 6, 320, 1, 1}};
  Net net("efficientnet_b0");
  Value *x = net.conv(net.input({1, 3, 224, 224}), 32, {.kernel = 3, .stride = 2, .act = kAct});
  for (const Stage &stage : kStages)
    for (int i = 0; i < stage.repeats; ++i) {
      int64_t channels = channelsOf(x), stride = i == 0 ? stage.stride : 1;
      Value *y = stage.expansion == 1 ? x : net.conv(x, channels * stage.expansion, {.act = kAct});
      y = net.depthwise(y, {.kernel = stage.kernel, .stride = stride, .act = kAct});
      y = squeezeAndExcite(net, y, {.inner = channels / 4, .act = kAct, .gate = Act::Sigmoid});
      y = net.conv(y, stage.channels);
      x = stride == 1 && channels == stage.channels ? net.add(x, y) : y;
    }
  net.output(net.classifier(net.conv(x, 1280, {.act = kAct})));
  return net.finish();
}

std::vector<Topology> efficientNets() {
  return {{"efficientnet_b0", "EfficientNet", {}, efficientNetB0}};
}

} // namespace edgecc::zoo
