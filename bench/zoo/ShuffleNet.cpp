// ShuffleNet V2 (Ma et al. 2018).
#include "bench/zoo/Families.h"
#include "bench/zoo/Layers.h"

namespace edgecc::zoo {

namespace {

// 1x1, depthwise and 1x1 layers.
Value *branch(Net &net, Value *x, int64_t channels, int64_t stride) {
  x = net.conv(x, channels, {.act = Act::Relu});
  x = net.depthwise(x, {.kernel = 3, .stride = stride});
  return net.conv(x, channels, {.act = Act::Relu});
}

std::unique_ptr<Module> shuffleNetV2() {
  struct Stage {
    int64_t channels;
    int repeats;
  };
  constexpr Stage kStages[] = {{116, 4}, {232, 8}, {464, 4}};
  Net net("shufflenet_v2_x1_0");
  Value *x =
      net.conv(net.input({1, 3, 224, 224}), 24, {.kernel = 3, .stride = 2, .act = Act::Relu});
  x = net.maxPool(x, 3, 2);
  for (const Stage &stage : kStages)
    for (int i = 0; i < stage.repeats; ++i) {
      int64_t half = stage.channels / 2;
      if (i == 0) {
        Value *left = net.depthwise(x, {.kernel = 3, .stride = 2});
        left = net.conv(left, half, {.act = Act::Relu});
        x = net.concat({left, branch(net, x, half, 2)});
      } else {
        std::vector<Value *> halves = net.split(x, 2);
        x = net.concat({halves[0], branch(net, halves[1], half, 1)});
      }
      x = net.shuffleChannels(x, 2);
    }
  net.output(net.classifier(net.conv(x, 1024, {.act = Act::Relu})));
  return net.finish();
}

} // namespace

std::vector<Topology> shuffleNets() {
  return {{"shufflenet_v2_x1_0", "ShuffleNet", {{"Myriad X", "shufflenet_v2"}}, shuffleNetV2}};
}

} // namespace edgecc::zoo
