// GoogLeNet (Szegedy et al. 2015): as torchvision has it, with normalisations that are folded and
// with 3x3 layers in the place of the 5x5 ones, and as published.
#include "bench/zoo/Families.h"
#include "bench/zoo/Layers.h"

namespace edgecc::zoo {

namespace {

struct Inception {
  int64_t direct, reduce3, wide3, reduce5, wide5, pooled;
};

enum class Form { Torchvision, Published };

Value *inception(Net &net, Value *x, const Inception &c, Form form) {
  constexpr Window kThree{.kernel = 3, .act = Act::Relu};
  const Window wide{.kernel = form == Form::Published ? 5 : 3, .act = Act::Relu};
  constexpr Window kOne{.act = Act::Relu};
  return net.concat({net.conv(x, c.direct, kOne),
                     net.conv(net.conv(x, c.reduce3, kOne), c.wide3, kThree),
                     net.conv(net.conv(x, c.reduce5, kOne), c.wide5, wide),
                     net.conv(net.maxPool(x, 3, 1), c.pooled, kOne)});
}

std::unique_ptr<Module> googLeNet(const char *name, Form form) {
  Net net(name);
  Value *x =
      net.conv(net.input({1, 3, 224, 224}), 64, {.kernel = 7, .stride = 2, .act = Act::Relu});
  auto pool = [&](int64_t kernel) { x = net.maxPool(x, kernel, 2, 0, /*ceil=*/true); };
  auto blocks = [&](const std::vector<Inception> &list) {
    for (const Inception &block : list)
      x = inception(net, x, block, form);
  };
  auto normalise = [&] { x = form == Form::Published ? net.localResponseNorm(x) : x; };
  pool(3);
  normalise();
  x = net.conv(x, 64, {.act = Act::Relu});
  x = net.conv(x, 192, {.kernel = 3, .act = Act::Relu});
  normalise();
  pool(3);
  blocks({{64, 96, 128, 16, 32, 32}, {128, 128, 192, 32, 96, 64}});
  pool(3);
  blocks({{192, 96, 208, 16, 48, 64},
          {160, 112, 224, 24, 64, 64},
          {128, 128, 256, 24, 64, 64},
          {112, 144, 288, 32, 64, 64},
          {256, 160, 320, 32, 128, 128}});
  pool(form == Form::Published ? 3 : 2);
  blocks({{256, 160, 320, 32, 128, 128}, {384, 192, 384, 48, 128, 128}});
  net.output(net.classifier(x));
  return net.finish();
}

} // namespace

std::vector<Topology> googLeNets() {
  return {{"googlenet",
           "GoogLeNet",
           {{"Myriad X", "googlenet"}},
           [] { return googLeNet("googlenet", Form::Torchvision); }},
          {"googlenet_caffe",
           "GoogLeNet",
           {},
           [] { return googLeNet("googlenet_caffe", Form::Published); },
           "ncnn's benchmark: as published"}};
}

} // namespace edgecc::zoo
