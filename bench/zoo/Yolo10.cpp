// YOLOv10 (Wang et al. 2024), with the heads that need no suppression of doubles. Ends in the raw
// convolutions of every size.
#include "bench/zoo/Attention.h"
#include "bench/zoo/Blocks.h"
#include "bench/zoo/Families.h"
#include "bench/zoo/YoloHeads.h"

#include <algorithm>

namespace edgecc::zoo {

namespace {

// What stands in the places where the sizes of the network differ.
enum class Part { C2f, Compact, CompactLarge };

struct Variant {
  const char *name;
  Scale scale;
  Part middle, coarse;       // of the backbone, at 1/16 and 1/32 of the image
  Part middleDown, middleUp; // of the neck, at 1/16
  Part last;                 // of the neck, at 1/32
};

constexpr Act kAct = Act::Silu;

// The compact inverted block: depthwise and 1x1 layers in turn. The large kernel is the merged form
// of a 7x7 and a 3x3 one.
Value *compactBlock(Net &net, Value *x, bool large) {
  int64_t c = channelsOf(x);
  Value *y = net.depthwise(x, {.kernel = 3, .act = kAct});
  y = net.conv(y, 2 * c, {.act = kAct});
  y = net.depthwise(y, {.kernel = large ? 7 : 3, .act = kAct});
  y = net.conv(y, c, {.act = kAct});
  return net.add(x, net.depthwise(y, {.kernel = 3, .act = kAct}));
}

std::unique_ptr<Module> yolo10(const Variant &v) {
  Net net(v.name);
  auto conv = [&](Value *x, int64_t c) {
    return net.conv(x, v.scale.channels(c), {.kernel = 3, .stride = 2, .act = kAct});
  };
  // First the channels, then the extent.
  auto shrink = [&](Value *x, int64_t c) {
    x = net.conv(x, v.scale.channels(c), {.act = kAct});
    return net.depthwise(x, {.kernel = 3, .stride = 2});
  };
  auto csp = [&](Part part, Value *x, int64_t c, int repeats, bool shortcut) {
    int64_t channels = v.scale.channels(c);
    int count = v.scale.repeats(repeats);
    if (part == Part::C2f)
      return c2f(net, x, {channels, count, shortcut});
    return c2fOf(net, x, channels, channels / 2, count,
                 [&](Value *y) { return compactBlock(net, y, part == Part::CompactLarge); });
  };
  Value *x = conv(net.input({1, 3, 640, 640}), 64);
  x = csp(Part::C2f, conv(x, 128), 128, 3, true);
  Value *fine = csp(Part::C2f, conv(x, 256), 256, 6, true);
  Value *middle = csp(v.middle, shrink(fine, 512), 512, 6, true);
  x = csp(v.coarse, shrink(middle, 1024), 1024, 3, true);
  Value *coarse = partialAttention(net, sppf(net, x, v.scale.channels(1024)), 1);

  Value *up = csp(v.middleDown, net.concat({net.upsample(coarse), middle}), 512, 3, false);
  Value *out3 = csp(Part::C2f, net.concat({net.upsample(up), fine}), 256, 3, false);
  Value *out4 = csp(v.middleUp, net.concat({conv(out3, 256), up}), 512, 3, false);
  Value *out5 = csp(v.last, net.concat({shrink(out4, 512), coarse}), 1024, 3, true);
  for (Value *level : {out3, out4, out5}) {
    net.output(boxHead(net, level, boxHeadChannels(out3), kBoxValues));
    net.output(separableHead(net, level, std::max<int64_t>(channelsOf(out3), 80), 80));
  }
  return net.finish();
}

Topology topology(const Variant &variant, std::string note = {}) {
  return {variant.name,
          "YOLOv10",
          {{"Hailo-8", variant.name}},
          [variant] { return yolo10(variant); },
          std::move(note)};
}

} // namespace

std::vector<Topology> yolo10s() {
  constexpr Part kC2f = Part::C2f, kCompact = Part::Compact, kLarge = Part::CompactLarge;
  constexpr auto kNote = "the row's parameters include the heads that only training uses";
  return {
      topology({"yolov10n", {1.0 / 3, 0.25, 1024}, kC2f, kC2f, kC2f, kC2f, kLarge}),
      topology({"yolov10s", {1.0 / 3, 0.5, 1024}, kC2f, kLarge, kC2f, kC2f, kLarge}),
      topology({"yolov10b", {2.0 / 3, 1, 512}, kC2f, kCompact, kCompact, kCompact, kCompact},
               kNote),
      topology({"yolov10x", {1, 1.25, 512}, kCompact, kCompact, kCompact, kCompact, kCompact},
               kNote),
  };
}

} // namespace edgecc::zoo
