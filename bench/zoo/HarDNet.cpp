// HarDNet-68 (Chao et al. 2019): layer i reads the layers i - 2^k for every power that divides i.
#include "bench/zoo/Families.h"
#include "bench/zoo/Layers.h"

#include <cmath>

namespace edgecc::zoo {

namespace {

struct Stage {
  int64_t growth;
  int layers;
  int64_t channels;
  bool pool;
};

constexpr double kMultiplier = 1.7;

// Which layers feed layer `index` of a block; 0 is the block's input.
std::vector<int> sources(int index) {
  std::vector<int> list;
  for (int distance = 1; distance <= index && index % distance == 0; distance *= 2)
    list.push_back(index - distance);
  return list;
}

// Wider for layers that more layers read, rounded to an even number.
int64_t layerChannels(int64_t growth, size_t numSources) {
  double wide =
      static_cast<double>(growth) * std::pow(kMultiplier, static_cast<double>(numSources) - 1);
  return static_cast<int64_t>(wide + 1) / 2 * 2;
}

Value *block(Net &net, Value *x, const Stage &stage) {
  std::vector<Value *> layers{x}, kept;
  for (int i = 1; i <= stage.layers; ++i) {
    std::vector<Value *> inputs;
    for (int source : sources(i))
      inputs.push_back(layers[static_cast<size_t>(source)]);
    Value *joined = inputs.size() == 1 ? inputs[0] : net.concat(inputs);
    layers.push_back(net.conv(joined, layerChannels(stage.growth, inputs.size()),
                              {.kernel = 3, .act = Act::Relu6}));
    if (i % 2 == 1 || i == stage.layers)
      kept.push_back(layers.back());
  }
  return net.concat(kept);
}

std::unique_ptr<Module> hardNet68() {
  constexpr Stage kStages[] = {{14, 8, 128, true},
                               {16, 16, 256, false},
                               {20, 16, 320, true},
                               {40, 16, 640, true},
                               {160, 4, 1024, false}};
  Net net("hardnet68");
  Value *x =
      net.conv(net.input({1, 3, 224, 224}), 32, {.kernel = 3, .stride = 2, .act = Act::Relu6});
  x = net.maxPool(net.conv(x, 64, {.kernel = 3, .act = Act::Relu6}), 3, 2);
  for (const Stage &stage : kStages) {
    x = net.conv(block(net, x, stage), stage.channels, {.act = Act::Relu6});
    if (stage.pool)
      x = net.maxPool(x, 2, 2, 0);
  }
  net.output(net.classifier(x));
  return net.finish();
}

} // namespace

std::vector<Topology> hardNets() {
  return {{"hardnet68", "HarDNet", {{"Hailo-8", "hardnet68"}}, hardNet68}};
}

} // namespace edgecc::zoo
