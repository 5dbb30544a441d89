// The 18-layer residual network over videos (Tran et al. 2018): 16 images of 112x112.
#include "bench/zoo/Families.h"
#include "bench/zoo/Layers.h"

namespace edgecc::zoo {

namespace {

Value *conv3d(Net &net, Value *x, int64_t channels, int64_t kernel, int64_t stride, Act act) {
  Dims kernels(3, kernel), strides(3, stride), pads(3, kernel / 2);
  return net.convNd(x, channels, kernels, strides, pads, act);
}

std::unique_ptr<Module> r3d18() {
  Net net("r3d_18");
  Value *x = net.input({1, 3, 16, 112, 112});
  x = net.convNd(x, 64, {3, 7, 7}, {1, 2, 2}, {1, 3, 3}, Act::Relu);
  for (int stage = 0; stage < 4; ++stage)
    for (int i = 0; i < 2; ++i) {
      int64_t channels = int64_t{64} << stage, stride = i == 0 && stage > 0 ? 2 : 1;
      Value *y = conv3d(net, x, channels, 3, stride, Act::Relu);
      y = conv3d(net, y, channels, 3, 1, Act::None);
      if (stride != 1)
        x = conv3d(net, x, channels, 1, stride, Act::None);
      x = net.add(y, x, Act::Relu);
    }
  net.output(net.classifier(x, 400));
  return net.finish();
}

} // namespace

std::vector<Topology> resNets3D() {
  return {{"r3d_18", "ResNet3D", {{"Hailo-8", "r3d_18"}}, r3d18}};
}

} // namespace edgecc::zoo
