// AlexNet (Krizhevsky 2014) and VGG (Simonyan and Zisserman 2015): chains that end in three large
// fully connected layers.
#include "bench/zoo/Families.h"
#include "bench/zoo/Layers.h"

namespace edgecc::zoo {

namespace {

Value *threeLayers(Net &net, Value *x) {
  x = net.flatten(x);
  for (int i = 0; i < 2; ++i)
    x = net.linear(x, 4096, Act::Relu);
  return net.linear(x, 1000);
}

std::unique_ptr<Module> alexNet() {
  Net net("alexnet");
  Value *x = net.conv(net.input({1, 3, 224, 224}), 64,
                      {.kernel = 11, .stride = 4, .act = Act::Relu, .pad = 2});
  x = net.maxPool(x, 3, 2, 0);
  x = net.maxPool(net.conv(x, 192, {.kernel = 5, .act = Act::Relu}), 3, 2, 0);
  for (int64_t channels : {384, 256, 256})
    x = net.conv(x, channels, {.kernel = 3, .act = Act::Relu});
  net.output(threeLayers(net, net.maxPool(x, 3, 2, 0)));
  return net.finish();
}

std::unique_ptr<Module> vgg(const char *name, const std::vector<int> &depths) {
  constexpr int64_t kChannels[] = {64, 128, 256, 512, 512};
  Net net(name);
  Value *x = net.input({1, 3, 224, 224});
  for (size_t stage = 0; stage < depths.size(); ++stage) {
    for (int i = 0; i < depths[stage]; ++i)
      x = net.conv(x, kChannels[stage], {.kernel = 3, .act = Act::Relu});
    x = net.maxPool(x, 2, 2, 0);
  }
  net.output(threeLayers(net, x));
  return net.finish();
}

} // namespace

std::vector<Topology> vggs() {
  auto topology = [](const char *name, std::vector<int> depths) {
    return Topology{name, "VGG", {{"Myriad X", name}}, [=] { return vgg(name, depths); }};
  };
  return {
      {"alexnet", "AlexNet", {{"Myriad X", "alexnet"}}, alexNet},
      topology("vgg11", {1, 1, 2, 2, 2}),
      topology("vgg13", {2, 2, 2, 2, 2}),
      topology("vgg16", {2, 2, 3, 3, 3}),
      topology("vgg19", {2, 2, 4, 4, 4}),
  };
}

} // namespace edgecc::zoo
