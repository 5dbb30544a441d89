// SSDLite with MobileNetV2 (Sandler et al. 2018): separable convolutions in the extra layers and
// the heads. Ends in the raw boxes and scores of the six sizes.
#include "bench/zoo/Blocks.h"
#include "bench/zoo/Families.h"

namespace edgecc::zoo {

namespace {

constexpr Act kAct = Act::Relu6;

void predict(Net &net, Value *x, int64_t channels) {
  x = net.depthwise(x, {.kernel = 3, .act = kAct});
  net.output(net.conv(x, channels));
}

std::unique_ptr<Module> ssdLite(const char *name) {
  constexpr int64_t kClasses = 91;
  Net net(name);
  MobileNetV2Features features = mobileNetV2Features(net, net.input({1, 3, 300, 300}));
  Value *x = net.conv(features.end, 1280, {.act = kAct});
  std::vector<Value *> levels{features.expansion13, x};
  for (int64_t channels : {512, 256, 256, 128}) {
    x = net.conv(x, channels / 2, {.act = kAct});
    x = net.depthwise(x, {.kernel = 3, .stride = 2, .act = kAct});
    x = net.conv(x, channels, {.act = kAct});
    levels.push_back(x);
  }
  for (size_t i = 0; i < levels.size(); ++i) {
    int64_t anchors = i == 0 ? 3 : 6;
    predict(net, levels[i], anchors * 4);
    predict(net, levels[i], anchors * kClasses);
  }
  return net.finish();
}

} // namespace

std::vector<Topology> ssds() {
  return {{"ssdlite_mobilenet_v2",
           "SSD",
           {{"Hailo-8", "ssd_mobilenet_v2"}},
           [] { return ssdLite("ssdlite_mobilenet_v2"); },
           "the row's parameters and operations are those of the SSDLite form"}};
}

} // namespace edgecc::zoo
