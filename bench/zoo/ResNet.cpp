// Residual networks: He et al. 2016 (ResNet), Xie et al. 2017 (ResNeXt).
#include "bench/zoo/Blocks.h"
#include "bench/zoo/Families.h"

namespace edgecc::zoo {

Value *basicBlock(Net &net, Value *x, int64_t channels, int64_t stride) {
  Value *y = net.conv(x, channels, {.kernel = 3, .stride = stride, .act = Act::Relu});
  y = net.conv(y, channels, {.kernel = 3});
  if (stride != 1 || channelsOf(x) != channels)
    x = net.conv(x, channels, {.stride = stride});
  return net.add(y, x, Act::Relu);
}

Value *resNetStem(Net &net, Value *x) {
  return net.maxPool(net.conv(x, 64, {.kernel = 7, .stride = 2, .act = Act::Relu}), 3, 2);
}

std::vector<Value *> basicStages(Net &net, Value *x, const std::vector<int> &depths) {
  std::vector<Value *> stages;
  for (size_t stage = 0; stage < depths.size(); ++stage) {
    for (int i = 0; i < depths[stage]; ++i)
      x = basicBlock(net, x, int64_t{64} << stage, i == 0 && stage > 0 ? 2 : 1);
    stages.push_back(x);
  }
  return stages;
}

namespace {

struct Bottleneck {
  int64_t inner, channels, stride, groups;
  bool shrinksFirst = false; // the first layer has the stride, as published, and not the second
};

Value *bottleneck(Net &net, Value *x, const Bottleneck &b) {
  int64_t first = b.shrinksFirst ? b.stride : 1, second = b.stride / first;
  Value *y = net.conv(x, b.inner, {.stride = first, .act = Act::Relu});
  y = net.conv(y, b.inner, {.kernel = 3, .stride = second, .act = Act::Relu, .groups = b.groups});
  y = net.conv(y, b.channels);
  if (channelsOf(x) != b.channels)
    x = net.conv(x, b.channels, {.stride = b.stride});
  else if (b.stride != 1)
    x = net.maxPool(x, 1, b.stride); // only where the last block of a stage shrinks the image
  return net.add(y, x, Act::Relu);
}

std::unique_ptr<Module> basicResNet(const char *name, const std::vector<int> &depths) {
  Net net(name);
  Value *x = resNetStem(net, net.input({1, 3, 224, 224}));
  net.output(net.classifier(basicStages(net, x, depths).back()));
  return net.finish();
}

enum class Shrink { FirstBlock, FirstLayer, LastBlock }; // of the first block: its first layer

std::unique_ptr<Module> bottleneckResNet(const char *name, const std::vector<int> &depths,
                                         Shrink shrink, int64_t innerWidth = 64,
                                         int64_t groups = 1) {
  Net net(name);
  Value *x = resNetStem(net, net.input({1, 3, 224, 224}));
  size_t last = depths.size() - 1;
  for (size_t stage = 0; stage <= last; ++stage)
    for (int i = 0; i < depths[stage]; ++i) {
      bool shrinks = shrink == Shrink::LastBlock ? i == depths[stage] - 1 && stage < last
                                                 : i == 0 && stage > 0;
      x = bottleneck(net, x,
                     {innerWidth << stage, int64_t{256} << stage, shrinks ? 2 : 1, groups,
                      shrink == Shrink::FirstLayer});
    }
  net.output(net.classifier(x));
  return net.finish();
}

} // namespace

std::vector<Topology> resNets() {
  return {
      {"resnet18",
       "ResNet",
       {{"Myriad X", "ResNet18"}, {"Myriad X", "resnet18"}, {"Hailo-8", "resnet_v1_18"}},
       [] { return basicResNet("resnet18", {2, 2, 2, 2}); }},
      {"resnet34",
       "ResNet",
       {{"Myriad X", "resnet34"}, {"Hailo-8", "resnet_v1_34"}},
       [] { return basicResNet("resnet34", {3, 4, 6, 3}); }},
      {"resnet50",
       "ResNet",
       {{"Myriad X", "ResNet-50"}, {"Myriad X", "resnet50"}},
       [] { return bottleneckResNet("resnet50", {3, 4, 6, 3}, Shrink::FirstBlock); }},
      {"resnet50_caffe",
       "ResNet",
       {},
       [] { return bottleneckResNet("resnet50_caffe", {3, 4, 6, 3}, Shrink::FirstLayer); },
       "ncnn's benchmark: as published"},
      {"resnet_v1_50",
       "ResNet",
       {{"Hailo-8", "resnet_v1_50"}},
       [] { return bottleneckResNet("resnet_v1_50", {3, 4, 6, 3}, Shrink::LastBlock); },
       "TF-slim's form: the last block of a stage has the stride"},
      {"resnext26_32x4d",
       "ResNet",
       {{"Hailo-8", "resnext26_32x4d"}},
       [] {
         return bottleneckResNet("resnext26_32x4d", {2, 2, 2, 2}, Shrink::FirstBlock, 128, 32);
       }},
  };
}

} // namespace edgecc::zoo
