// SqueezeNet 1.1 (Iandola et al. 2016).
#include "bench/zoo/Families.h"
#include "bench/zoo/Layers.h"

namespace edgecc::zoo {

static Value *fire(Net &net, Value *x, int64_t squeeze, int64_t expand) {
  x = net.conv(x, squeeze, {.act = Act::Relu});
  return net.concat({net.conv(x, expand, {.act = Act::Relu}),
                     net.conv(x, expand, {.kernel = 3, .act = Act::Relu})});
}

// `pad`: of the first layer and of the pooling; 0 with a last window that reaches beyond the image,
// or 1, which keeps the extents even.
static std::unique_ptr<Module> squeezeNet(const char *name, int64_t pad, int64_t extent = 224,
                                          int64_t lastPad = 0) {
  Net net(name);
  Value *x = net.conv(net.input({1, 3, extent, extent}), 64,
                      {.kernel = 3, .stride = 2, .act = Act::Relu, .pad = pad});
  auto pool = [&] { x = net.maxPool(x, 3, 2, pad, /*ceil=*/pad == 0); };
  auto fires = [&](int64_t squeeze, int repeats) {
    for (int i = 0; i < repeats; ++i)
      x = fire(net, x, squeeze, 4 * squeeze);
  };
  pool();
  fires(16, 2);
  pool();
  fires(32, 2);
  pool();
  fires(48, 2);
  fires(64, 2);
  x = net.conv(x, 1000, {.act = Act::Relu, .pad = lastPad});
  net.output(net.flatten(net.globalAverage(x)));
  return net.finish();
}

std::vector<Topology> squeezeNets() {
  return {{"squeezenet1_1",
           "SqueezeNet",
           {{"Myriad X", "squeezenet"}},
           [] { return squeezeNet("squeezenet1_1", 0); }},
          {"squeezenet_v1.1",
           "SqueezeNet",
           {{"Hailo-8", "squeezenet_v1.1"}},
           [] { return squeezeNet("squeezenet_v1.1", 1); },
           "padded: the row's operations are those of stages of 56, 28 and 14 pixels"},
          {"squeezenet1_1_caffe",
           "SqueezeNet",
           {},
           [] { return squeezeNet("squeezenet1_1_caffe", 0, 227, 1); },
           "ncnn's benchmark: 227 pixels, and a border of zeros around the last convolution"}};
}

} // namespace edgecc::zoo
