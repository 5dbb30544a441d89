// Folds per-channel affine functions into the layers behind them, through every op that commutes
// with them (activations, pooling, movement, padding):
//   W (s x + t) + b = (W s) x + (W t + b)
// A batch norm between an activation and a convolution goes this way, and so does the normalisation
// of an input. A scale is exact at padded borders too, because zeros stay zeros. A shift is not:
// the border is 0 after it and not before it. In front of a layer that pads, s x + t = s (x + t /
// s) leaves an addition of t / s and nothing else. A scale that no layer behind can take goes into
// the layers in front, through activations that commute with it.
#include "passes/Passes.h"
#include "passes/channels/Rescale.h"

#include <algorithm>
#include <cmath>

namespace edgecc {

namespace {

using Change = FlowOptions::Change;

// The classes of a value's channels if all can change; `makers`: and this op alone makes them.
bool areFree(const ChannelClasses &classes, const Labels &labels, const Op *maker) {
  return std::ranges::all_of(labels.ids, [&](uint32_t id) {
    const ChannelClass &c = classes.classes()[id];
    return classes.isFree(id) &&
           (!maker || (c.producers.size() == 1 && c.producers[0].op == maker));
  });
}

// The first reason why the channels cannot change.
std::string whyNot(const ChannelClasses &classes, const Labels &labels) {
  for (uint32_t id : labels.ids) {
    const ChannelClass &c = classes.classes()[id];
    if (c.pinned)
      return c.reason;
    if (c.consumers.empty())
      return "no layer behind reads it";
  }
  return "several layers make it";
}

class Folder {
public:
  Folder(Module &module, Block &body, Statistics &statistics)
      : module_(module), body_(body), statistics_(statistics) {}

  // Whether anything was folded.
  bool foldScales() {
    ChannelClasses classes(body_, {.change = Change::Scale, .constantsAreLayers = true});
    std::vector<double> scales(classes.classes().size(), 1.0);
    std::vector<Op *> folded;
    for (const auto &op : body_.ops())
      if (const ChannelAffine *affine = classes.constantLayer(*op))
        if (foldScale(classes, *op, *affine, scales))
          folded.push_back(op.get());
    applyScales(module_, body_, classes, scales);
    for (Op *op : folded)
      bypass(op, classes.constantLayer(*op)->x);
    if (!folded.empty())
      statistics_.add("scales folded forward", static_cast<int64_t>(folded.size()));
    return !folded.empty();
  }

  bool foldShifts() {
    ChannelClasses classes(body_, {.change = Change::Shift, .constantsAreLayers = true});
    std::vector<double> shifts(classes.classes().size(), 0.0);
    std::vector<Op *> folded;
    kept_.clear();
    for (const auto &op : body_.ops()) {
      const ChannelAffine *affine = classes.constantLayer(*op);
      if (!affine)
        continue;
      const Labels &labels = *classes.labels(*op->result());
      if (!areFree(classes, labels, op.get())) {
        kept_.push_back(whyNot(classes, labels));
        continue;
      }
      for (size_t c = 0; c < affine->shift.size(); ++c)
        shifts[labels.at(static_cast<int64_t>(c))] = affine->shift[c];
      folded.push_back(op.get());
    }
    applyShifts(module_, body_, classes, shifts);
    for (Op *op : folded)
      bypass(op, classes.constantLayer(*op)->x);
    if (!folded.empty())
      statistics_.add("offsets folded forward", static_cast<int64_t>(folded.size()));
    return !folded.empty();
  }

  // Of the additions that the last foldShifts() left.
  const std::vector<std::string> &kept() const { return kept_; }

private:
  // Enters the scales that make `op` a multiplication by one; false if it cannot be.
  bool foldScale(const ChannelClasses &classes, const Op &op, const ChannelAffine &affine,
                 std::vector<double> &scales) {
    const Labels &to = *classes.labels(*op.result()), &from = *classes.labels(*affine.x);
    auto isUsable = [&](double s, const ChannelClass &c) {
      return std::isnormal(s) && std::isnormal(1 / s) && (s > 0 || !c.positive);
    };
    // What the op multiplies with by now: the scales of x are this op's to undo. Where the classes
    // of x differ along another axis, they are pinned.
    bool undoes = from.uniform() || from.axis() == to.axis();
    auto factor = [&](size_t c) {
      return affine.scale[c] * (undoes ? scales[from.at(static_cast<int64_t>(c))] : 1);
    };
    size_t channels = affine.scale.size();
    bool forward = areFree(classes, to, &op);
    for (size_t c = 0; forward && c < channels; ++c)
      forward = isUsable(factor(c), classes.classes()[to.at(static_cast<int64_t>(c))]);
    if (forward) {
      for (size_t c = 0; c < channels; ++c)
        scales[to.at(static_cast<int64_t>(c))] = factor(c);
      return true;
    }
    // Backward: only if nothing else has been decided about x.
    bool backward = areFree(classes, from, nullptr) && from.ids.size() == channels;
    for (size_t c = 0; backward && c < channels; ++c) {
      const ChannelClass &x = classes.classes()[from.at(static_cast<int64_t>(c))];
      backward =
          scales[from.at(static_cast<int64_t>(c))] == 1 && isUsable(affine.scale[c], x) &&
          std::ranges::all_of(
              x.consumers,
              [&](const auto &end) { return end.op == &op || classes.layer(*end.op); }) &&
          std::ranges::all_of(x.producers, [&](const auto &end) { return classes.layer(*end.op); });
    }
    for (size_t c = 0; backward && c < channels; ++c)
      scales[from.at(static_cast<int64_t>(c))] = 1 / affine.scale[c];
    return backward;
  }

  // `op` multiplies with one or adds zero.
  static void bypass(Op *op, Value *x) {
    for (const Use &use : op->result()->uses())
      use.user->location = joinLocations(op->location, use.user->location);
    op->result()->replaceAllUsesWith(x);
    eraseWithDeadOperands(op);
  }

  Module &module_;
  Block &body_;
  Statistics &statistics_;
  std::vector<std::string> kept_;
};

} // namespace

Expected<void> foldBatchNormForward(Module &module, PassContext &context) {
  for (const auto &function : module.functions())
    forEachBlock(function->body, [&](Block &block) {
      for (Op *op : block.snapshot())
        expandBatchNorm(module, op);
      Folder folder(module, block, context.statistics);
      // Each round removes ops, so this ends. An offset in front of a scale waits for the scale.
      while (folder.foldShifts() || folder.foldScales()) {
      }
      for (const std::string &reason : folder.kept())
        context.statistics.add("offsets not folded: " + reason);
    });
  return {};
}

} // namespace edgecc
