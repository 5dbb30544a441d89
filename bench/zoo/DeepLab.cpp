// DeepLabV3 with MobileNetV2 (Chen et al. 2017, Sandler et al. 2018): no dilated pyramid, one 1x1
// branch beside the pooled image. The two images' sizes are 2^n + 1, or 256.
#include "bench/zoo/Blocks.h"
#include "bench/zoo/Families.h"

namespace edgecc::zoo {

static std::unique_ptr<Module> deepLab(const char *name, int64_t extent, int64_t outputStride) {
  Net net(name);
  Value *x = mobileNetV2Features(net, net.input({1, 3, extent, extent}), 1, outputStride).end;
  int64_t h = heightOf(x), w = widthOf(x);
  Value *pooled = net.conv(net.globalAverage(x), 256, {.act = Act::Relu});
  Value *local = net.conv(x, 256, {.act = Act::Relu});
  x = net.concat({net.resize(pooled, h, w), local});
  x = net.conv(net.conv(x, 256, {.act = Act::Relu}), 21);
  net.output(net.resize(x, extent, extent));
  return net.finish();
}

std::vector<Topology> deepLabs() {
  constexpr auto kUnstated = "the row does not name the backbone; the scores are resized, the "
                             "argmax is left to the host";
  return {
      {"deeplab_v3_mobilenet_v2",
       "DeepLab",
       {{"Hailo-8", "deeplab_v3_mobilenet_v2"}, {"Myriad X", "DeepLab V3", "513x513"}},
       [] { return deepLab("deeplab_v3_mobilenet_v2", 513, 8); },
       std::string("Myriad X: ") + kUnstated},
      {"deeplab_v3_mobilenet_v2_wo_dilation",
       "DeepLab",
       {{"Hailo-8", "deeplab_v3_mobilenet_v2_wo_dilation"}},
       [] { return deepLab("deeplab_v3_mobilenet_v2_wo_dilation", 513, 32); }},
      {"deeplab_v3_mobilenet_v2_256",
       "DeepLab",
       {{"Myriad X", "DeepLab V3", "256x256"}},
       [] { return deepLab("deeplab_v3_mobilenet_v2_256", 256, 8); },
       kUnstated},
  };
}

} // namespace edgecc::zoo
