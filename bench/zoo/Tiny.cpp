// Networks of MLPerf Tiny for microcontrollers (Banbury et al. 2021): ResNet-8 for CIFAR-10's 32x32
// pixels, and the convolutions with separated depth for keyword spotting (Zhang et al. 2017).
#include "bench/zoo/Blocks.h"
#include "bench/zoo/Families.h"

namespace edgecc::zoo {

static std::unique_ptr<Module> resNet8() {
  Net net("resnet8");
  Value *x = net.conv(net.input({1, 3, 32, 32}), 16, {.kernel = 3, .act = Act::Relu});
  x = basicBlock(net, x, 16, 1);
  x = basicBlock(net, x, 32, 2);
  x = basicBlock(net, x, 64, 2);
  net.output(net.softmax(net.classifier(x, 10), 1));
  return net.finish();
}

static std::unique_ptr<Module> keywordSpotting() {
  Net net("ds_cnn");
  Value *x = net.convNd(net.input({1, 1, 49, 10}), 64, {10, 4}, {2, 2}, {5, 1}, Act::Relu);
  for (int i = 0; i < 4; ++i) {
    x = net.depthwise(x, {.kernel = 3, .act = Act::Relu});
    x = net.conv(x, 64, {.act = Act::Relu});
  }
  net.output(net.softmax(net.classifier(x, 12), 1));
  return net.finish();
}

std::vector<Topology> tinyNets() {
  return {{"resnet8", "MLPerf Tiny", {}, resNet8}, {"ds_cnn", "MLPerf Tiny", {}, keywordSpotting}};
}

} // namespace edgecc::zoo
