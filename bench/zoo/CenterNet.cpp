// CenterNet with ResNet-18 (Zhou et al. 2019) as GluonCV has it without deformable convolutions,
// with the selection of local maxima on the device.
#include "bench/zoo/Blocks.h"
#include "bench/zoo/Families.h"

namespace edgecc::zoo {

static std::unique_ptr<Module> centerNet(const char *name) {
  Net net(name);
  Value *x = basicStages(net, resNetStem(net, net.input({1, 3, 512, 512})), {2, 2, 2, 2}).back();
  for (int64_t channels : {256, 128, 64}) {
    x = net.conv(x, channels, {.kernel = 3, .act = Act::Relu});
    x = net.deconv(x, channels, 4, 2, Act::Relu);
  }
  auto head = [&](int64_t channels) {
    return net.conv(net.conv(x, 64, {.kernel = 3, .act = Act::Relu}), channels);
  };
  Value *heat = net.act(head(80), Act::Sigmoid);
  net.output(head(2));
  net.output(head(2));
  // A score stays only where it is the largest of its neighbourhood: elsewhere a large multiple of
  // the difference makes it negative.
  Value *below = net.sub(net.maxPool(heat, 3, 1), heat);
  net.output(net.act(net.sub(heat, net.scale(below, 1e4)), Act::Relu));
  return net.finish();
}

std::vector<Topology> centerNets() {
  return {{"centernet_resnet_v1_18",
           "CenterNet",
           {{"Hailo-8", "centernet_resnet_v1_18_postprocess"}},
           [] { return centerNet("centernet_resnet_v1_18"); }}};
}

} // namespace edgecc::zoo
