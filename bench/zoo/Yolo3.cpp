// Darknet's detectors: YOLOv3 and its tiny form (Redmon and Farhadi 2018), YOLOv4 (Bochkovskiy et
// al. 2020). Each ends in the raw 255 channels of every size; what is made of them runs on the
// host.
#include "bench/zoo/Families.h"
#include "bench/zoo/Layers.h"

namespace edgecc::zoo {

namespace {

constexpr Act kAct = Act::Leaky;
constexpr int64_t kHeadChannels = 3 * (4 + 1 + 80);

Value *conv1(Net &net, Value *x, int64_t c) { return net.conv(x, c, {.act = kAct}); }

Value *conv3(Net &net, Value *x, int64_t c, int64_t stride = 1) {
  return net.conv(x, c, {.kernel = 3, .stride = stride, .act = kAct});
}

// 1x1 layers of `c` channels and 3x3 ones of twice as many, in turn, from a 1x1 layer to another.
Value *alternate(Net &net, Value *x, int64_t c, int layers = 5) {
  for (int i = 0; i < layers; ++i)
    x = i % 2 == 0 ? conv1(net, x, c) : conv3(net, x, 2 * c);
  return x;
}

Value *residual(Net &net, Value *x, int64_t inner) {
  return net.add(x, conv3(net, conv1(net, x, inner), channelsOf(x)));
}

// A detection head of `c` channels.
void detect(Net &net, Value *x, int64_t c) {
  net.output(net.conv(conv3(net, x, c), kHeadChannels));
}

Value *beside(Net &net, Value *x, Value *skip) { return net.concat({net.upsample(x), skip}); }

std::unique_ptr<Module> yolo3(const char *name, int64_t extent) {
  constexpr int kDepths[] = {1, 2, 8, 8, 4};
  Net net(name);
  Value *x = conv3(net, net.input({1, 3, extent, extent}), 32);
  std::vector<Value *> stages;
  for (int depth : kDepths) {
    x = conv3(net, x, 2 * channelsOf(x), 2);
    for (int i = 0; i < depth; ++i)
      x = residual(net, x, channelsOf(x) / 2);
    stages.push_back(x);
  }
  x = alternate(net, x, 512);
  detect(net, x, 1024);
  x = alternate(net, beside(net, conv1(net, x, 256), stages[3]), 256);
  detect(net, x, 512);
  x = alternate(net, beside(net, conv1(net, x, 128), stages[2]), 128);
  detect(net, x, 256);
  return net.finish();
}

std::unique_ptr<Module> tinyYolo3() {
  Net net("tiny_yolov3");
  Value *x = net.input({1, 3, 416, 416});
  for (int64_t c : {16, 32, 64, 128})
    x = net.maxPool(conv3(net, x, c), 2, 2, 0);
  Value *skip = conv3(net, x, 256);
  x = conv3(net, net.maxPool(skip, 2, 2, 0), 512);
  x = net.maxPool(x, 2, 1, Dims{0, 0, 1, 1}); // keeps the size
  x = conv1(net, conv3(net, x, 1024), 256);
  detect(net, x, 512);
  detect(net, beside(net, conv1(net, x, 128), skip), 256);
  return net.finish();
}

// A cross-stage partial stage of the backbone; the first one keeps both branches at full width.
Value *cspStage(Net &net, Value *x, int64_t channels, int depth, bool first) {
  x = conv3(net, x, channels, 2);
  int64_t branch = first ? channels : channels / 2;
  Value *bypass = conv1(net, x, branch);
  Value *y = conv1(net, x, branch);
  for (int i = 0; i < depth; ++i)
    y = residual(net, y, first ? channels / 2 : branch);
  return conv1(net, net.concat({conv1(net, y, branch), bypass}), channels);
}

std::unique_ptr<Module> yolo4(const char *name, int64_t extent) {
  constexpr int kDepths[] = {1, 2, 8, 8, 4};
  Net net(name);
  Value *x = conv3(net, net.input({1, 3, extent, extent}), 32);
  std::vector<Value *> stages;
  for (int depth : kDepths) {
    x = cspStage(net, x, 2 * channelsOf(x), depth, stages.empty());
    stages.push_back(x);
  }
  x = alternate(net, x, 512, 3);
  x = net.concat({net.maxPool(x, 13, 1), net.maxPool(x, 9, 1), net.maxPool(x, 5, 1), x});
  Value *coarse = alternate(net, x, 512, 3);
  auto merge = [&](Value *below, Value *stage, int64_t c) {
    Value *skip = conv1(net, stage, c);
    return alternate(net, net.concat({skip, net.upsample(conv1(net, below, c))}), c);
  };
  Value *middle = merge(coarse, stages[3], 256);
  Value *fine = merge(middle, stages[2], 128);
  detect(net, fine, 256);
  middle = alternate(net, net.concat({conv3(net, fine, 256, 2), middle}), 256);
  detect(net, middle, 512);
  coarse = alternate(net, net.concat({conv3(net, middle, 512, 2), coarse}), 512);
  detect(net, coarse, 1024);
  return net.finish();
}

} // namespace

std::vector<Topology> yolo3s() {
  return {
      {"yolov3_416",
       "YOLOv3",
       {{"Hailo-8", "yolov3_416"}, {"Hailo-8", "yolov3_gluon_416"}, {"Myriad X", "yolo-v3"}},
       [] { return yolo3("yolov3_416", 416); }},
      {"yolov3_608",
       "YOLOv3",
       {{"Hailo-8", "yolov3"}, {"Hailo-8", "yolov3_gluon"}},
       [] { return yolo3("yolov3_608", 608); },
       "both rows print 68.79 M parameters, but at 416x416 the same network has 61.92 M; the "
       "operations of yolov3 are those of another variant, the ones of yolov3_gluon agree"},
      {"tiny_yolov3",
       "YOLOv3",
       {{"Hailo-8", "tiny_yolov3"}, {"Myriad X", "tiny-yolo-v3"}},
       tinyYolo3},
      {"yolov4_leaky",
       "YOLOv4",
       {{"Hailo-8", "yolov4_leaky"}},
       [] { return yolo4("yolov4_leaky", 512); }},
  };
}

} // namespace edgecc::zoo
