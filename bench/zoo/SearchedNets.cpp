// Networks of inverted residuals that were found by search: MobileNetV3 (Howard et al. 2019),
// MnasNet (Tan et al. 2019), ProxylessNAS (Cai et al. 2019).
#include "bench/zoo/Blocks.h"
#include "bench/zoo/Families.h"

namespace edgecc::zoo {

Value *squeezeAndExcite(Net &net, Value *x, const Excitation &e) {
  Value *s = net.conv(net.globalAverage(x), e.inner, {.act = e.act});
  return net.mul(net.conv(s, channelsOf(x), {.act = e.gate}), x);
}

namespace {

struct Block {
  int64_t kernel, expanded, channels;
  bool squeeze;
  Act act;
  int64_t stride;
};

Value *invertedResidual(Net &net, Value *x, const Block &b) {
  Value *y = b.expanded == channelsOf(x) ? x : net.conv(x, b.expanded, {.act = b.act});
  y = net.depthwise(y, {.kernel = b.kernel, .stride = b.stride, .act = b.act});
  if (b.squeeze)
    y = squeezeAndExcite(net, y, {.inner = roundChannels(static_cast<double>(channelsOf(y)) / 4)});
  y = net.conv(y, b.channels);
  return b.stride == 1 && channelsOf(x) == b.channels ? net.add(x, y) : y;
}

std::unique_ptr<Module> mobileNetV3(const char *name, const std::vector<Block> &blocks,
                                    int64_t last) {
  constexpr Act kAct = Act::HardSwish;
  Net net(name);
  Value *x = net.conv(net.input({1, 3, 224, 224}), 16, {.kernel = 3, .stride = 2, .act = kAct});
  for (const Block &block : blocks)
    x = invertedResidual(net, x, block);
  x = net.conv(x, 6 * channelsOf(x), {.act = kAct});
  x = net.linear(net.flatten(net.globalAverage(x)), last, kAct);
  net.output(net.linear(x, 1000));
  return net.finish();
}

std::unique_ptr<Module> mobileNetV3Large() {
  constexpr Act R = Act::Relu, H = Act::HardSwish;
  return mobileNetV3("mobilenet_v3_large",
                     {{3, 16, 16, false, R, 1},
                      {3, 64, 24, false, R, 2},
                      {3, 72, 24, false, R, 1},
                      {5, 72, 40, true, R, 2},
                      {5, 120, 40, true, R, 1},
                      {5, 120, 40, true, R, 1},
                      {3, 240, 80, false, H, 2},
                      {3, 200, 80, false, H, 1},
                      {3, 184, 80, false, H, 1},
                      {3, 184, 80, false, H, 1},
                      {3, 480, 112, true, H, 1},
                      {3, 672, 112, true, H, 1},
                      {5, 672, 160, true, H, 2},
                      {5, 960, 160, true, H, 1},
                      {5, 960, 160, true, H, 1}},
                     1280);
}

std::unique_ptr<Module> mobileNetV3Small() {
  constexpr Act R = Act::Relu, H = Act::HardSwish;
  return mobileNetV3("mobilenet_v3_small",
                     {{3, 16, 16, true, R, 2},
                      {3, 72, 24, false, R, 2},
                      {3, 88, 24, false, R, 1},
                      {5, 96, 40, true, H, 2},
                      {5, 240, 40, true, H, 1},
                      {5, 240, 40, true, H, 1},
                      {5, 120, 48, true, H, 1},
                      {5, 144, 48, true, H, 1},
                      {5, 288, 96, true, H, 2},
                      {5, 576, 96, true, H, 1},
                      {5, 576, 96, true, H, 1}},
                     1024);
}

// Blocks without excitation, given by their expansion.
struct Layer {
  int64_t kernel, expansion, channels, stride;
};

std::unique_ptr<Module> searched(const char *name, const std::vector<Layer> &layers, Act act) {
  Net net(name);
  Value *x = net.conv(net.input({1, 3, 224, 224}), 32, {.kernel = 3, .stride = 2, .act = act});
  for (const Layer &l : layers)
    x = invertedResidual(net, x,
                         {l.kernel, l.expansion * channelsOf(x), l.channels, false, act, l.stride});
  net.output(net.classifier(net.conv(x, 1280, {.act = act})));
  return net.finish();
}

std::unique_ptr<Module> mnasNet() {
  std::vector<Layer> layers{{3, 1, 16, 1}};
  auto stage = [&](const Layer &first, int repeats) {
    for (int i = 0; i < repeats; ++i)
      layers.push_back({first.kernel, first.expansion, first.channels, i == 0 ? first.stride : 1});
  };
  stage({3, 3, 24, 2}, 3);
  stage({5, 3, 40, 2}, 3);
  stage({5, 6, 80, 2}, 3);
  stage({3, 6, 96, 1}, 2);
  stage({5, 6, 192, 2}, 4);
  stage({3, 6, 320, 1}, 1);
  return searched("mnasnet1_0", layers, Act::Relu);
}

std::unique_ptr<Module> proxylessMobile() {
  return searched("proxylessnas_mobile",
                  {{3, 1, 16, 1},  {5, 3, 32, 2},  {3, 3, 32, 1},  {7, 3, 40, 2},  {3, 3, 40, 1},
                   {5, 3, 40, 1},  {5, 3, 40, 1},  {7, 6, 80, 2},  {5, 3, 80, 1},  {5, 3, 80, 1},
                   {5, 3, 80, 1},  {5, 6, 96, 1},  {5, 3, 96, 1},  {5, 3, 96, 1},  {5, 3, 96, 1},
                   {7, 6, 192, 2}, {7, 6, 192, 1}, {7, 3, 192, 1}, {7, 3, 192, 1}, {7, 6, 320, 1}},
                  Act::Relu6);
}

} // namespace

std::vector<Topology> searchedNets() {
  auto topology = [](const char *name, const char *row, std::unique_ptr<Module> (*build)()) {
    return Topology{name, "Searched", {{"Myriad X", row}}, build};
  };
  return {topology("mobilenet_v3_large", "mobilenet_v3_large", mobileNetV3Large),
          topology("mobilenet_v3_small", "mobilenet_v3_small", mobileNetV3Small),
          topology("mnasnet1_0", "mnasnet", mnasNet),
          topology("proxylessnas_mobile", "proxylessnas", proxylessMobile)};
}

} // namespace edgecc::zoo
