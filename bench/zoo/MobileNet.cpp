// MobileNet V1 (Howard et al. 2017) and V2 (Sandler et al. 2018).
#include "bench/zoo/Blocks.h"
#include "bench/zoo/Families.h"

#include <algorithm>

namespace edgecc::zoo {

namespace {

constexpr Act kAct = Act::Relu6;

// `perGroup`: input channels of each group of the 3x3 layers; 1: depthwise; 0: all (dense).
std::unique_ptr<Module> mobileNetV1(const char *name, int64_t extent, int64_t perGroup = 1) {
  Net net(name);
  Value *x =
      net.conv(net.input({1, 3, extent, extent}), 32, {.kernel = 3, .stride = 2, .act = kAct});
  struct Layer {
    int64_t channels, stride;
  };
  constexpr Layer kLayers[] = {{64, 1},  {128, 2},  {128, 1}, {256, 2}, {256, 1},
                               {512, 2}, {512, 1},  {512, 1}, {512, 1}, {512, 1},
                               {512, 1}, {1024, 2}, {1024, 1}};
  for (const Layer &layer : kLayers) {
    int64_t c = channelsOf(x);
    x = net.conv(x, c,
                 {.kernel = 3,
                  .stride = layer.stride,
                  .act = kAct,
                  .groups = perGroup == 0 ? 1 : c / perGroup});
    x = net.conv(x, layer.channels, {.act = kAct});
  }
  net.output(net.classifier(x));
  return net.finish();
}

std::unique_ptr<Module> mobileNetV2(const char *name, double width, int64_t extent = 224,
                                    Expansion1 expansion1 = Expansion1::None) {
  Net net(name);
  Value *x = mobileNetV2Features(net, net.input({1, 3, extent, extent}), width, 32, expansion1).end;
  x = net.conv(x, roundChannels(1280 * std::max(1.0, width)), {.act = kAct});
  net.output(net.classifier(x));
  return net.finish();
}

} // namespace

MobileNetV2Features mobileNetV2Features(Net &net, Value *x, double width, int64_t outputStride,
                                        Expansion1 expansion1) {
  auto scaled = [&](int64_t c) { return roundChannels(static_cast<double>(c) * width); };
  x = net.conv(x, scaled(32), {.kernel = 3, .stride = 2, .act = kAct});
  struct Stage {
    int64_t expansion, channels;
    int repeats;
    int64_t stride;
  };
  constexpr Stage kStages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                               {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  MobileNetV2Features features;
  int block = 0;
  int64_t shrunk = 2, dilation = 1;
  for (const Stage &stage : kStages)
    for (int i = 0; i < stage.repeats; ++i, ++block) {
      int64_t stride = i == 0 ? stage.stride : 1, dilate = dilation;
      if (stride == 2 && shrunk == outputStride) {
        stride = 1;
        dilation *= 2; // from the next layer on
      } else {
        shrunk *= stride;
      }
      Value *y = x;
      if (stage.expansion != 1 || expansion1 == Expansion1::Layer)
        y = net.conv(x, channelsOf(x) * stage.expansion, {.act = kAct});
      if (block == 13)
        features.expansion13 = y;
      y = net.depthwise(y, {.kernel = 3, .stride = stride, .act = kAct, .dilation = dilate});
      y = net.conv(y, scaled(stage.channels));
      x = stride == 1 && channelsOf(x) == channelsOf(y) ? net.add(x, y) : y;
    }
  features.end = x;
  return features;
}

std::vector<Topology> mobileNets() {
  std::vector<Topology> list = {
      {"mobilenet_v1",
       "MobileNet",
       {{"Myriad X", "mobilenet_v1"}, {"Hailo-8", "mobilenet_v1"}},
       [] { return mobileNetV1("mobilenet_v1", 224); }},
      {"mobilenet_v2",
       "MobileNet",
       {{"Myriad X", "mobilenet_v2"}, {"Hailo-8", "mobilenet_v2_1.0"}},
       [] { return mobileNetV2("mobilenet_v2", 1.0); }},
      {"mobilenet_v2_1.4",
       "MobileNet",
       {{"Hailo-8", "mobilenet_v2_1.4"}},
       [] { return mobileNetV2("mobilenet_v2_1.4", 1.4); }},
      {"mobilenet_v2_caffe",
       "MobileNet",
       {},
       [] { return mobileNetV2("mobilenet_v2_caffe", 1.0, 224, Expansion1::Layer); },
       "ncnn's benchmark: the first block expands 32 channels to 32"},
      {"mobilenet_v2_0.35_96",
       "MobileNet",
       {},
       [] { return mobileNetV2("mobilenet_v2_0.35_96", 0.35, 96); },
       "for microcontrollers"},
      {"mobilenet_v1_320",
       "MobileNet",
       {{"Myriad X", "mobilenet_v1 320x320"}},
       [] { return mobileNetV1("mobilenet_v1_320", 320); }},
      {"mobilenet_v1_320_dense",
       "MobileNet",
       {{"Myriad X", "mobilenet_v1 320 dense 3x3"}},
       [] { return mobileNetV1("mobilenet_v1_320_dense", 320, 0); }},
  };
  for (int64_t perGroup : {2, 4, 8}) {
    std::string number = std::to_string(perGroup), name = "mobilenet_v1_320_c" + number;
    list.push_back({name, "MobileNet", {{"Myriad X", "mobilenet_v1 320 groups=C/" + number}}, [=] {
                      return mobileNetV1(name.c_str(), 320, perGroup);
                    }});
  }
  return list;
}

} // namespace edgecc::zoo
