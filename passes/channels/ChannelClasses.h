// Which channels of a network have to be scaled, or shifted, together so that it computes the same.
//
// Every channel of a layer's result is a class of its own. Ops that commute with the change pass
// classes on to their results, by their index maps; ops that combine values unite classes; whatever
// needs the absolute values pins a class. A class that is not pinned can be changed: its producers
// make the change and its consumers undo it.
#pragma once

#include "passes/canonicalize/ChannelAffine.h"
#include "passes/channels/Labels.h"
#include "passes/channels/LinearLayer.h"

#include <map>
#include <string>

namespace edgecc {

struct FlowOptions {
  enum class Change { Scale, Shift };
  // Scale: value / s with s > 0 (any s != 0 unless ChannelClass::positive).
  // Shift: value - s.
  Change change = Change::Scale;
  // Scale: the operands of Add, Sub, Min and Max are one class each; otherwise they are pinned.
  bool joinSums = false;
  // Scale: Clip passes, because its bounds can be scaled too; otherwise it pins.
  bool throughClips = false;
  // Mul (Scale) or Add (Shift) of a value and a constant that varies along one axis at most is a
  // layer with one weight for each channel, to be changed like others.
  bool constantsAreLayers = false;
  // Shift: Relu passes, which holds for values that are at least s.
  bool throughRelu = false;
};

struct ChannelClass {
  // One end of a class: a row or column of a linear layer, or a channel of a constant's op.
  struct End {
    Op *op;
    int64_t channel;
  };
  std::vector<End> producers, consumers; // in the order of execution
  bool positive = false;                 // some op on the way commutes with positive factors only
  bool pinned = false;
  const Op *blocker = nullptr; // that pinned it first; null for arguments
  std::string reason;          // "the block yields it"
};

// Of one block; values from outside it and what regions inside read are pinned. Holds until the
// block changes.
class ChannelClasses {
public:
  ChannelClasses(const Block &body, const FlowOptions &options);

  const std::vector<ChannelClass> &classes() const { return classes_; }
  // Classes of each element. Null for values from elsewhere.
  const Labels *labels(const Value &value) const;
  // Null if the op is not a layer here.
  const LinearLayer *layer(const Op &op) const;
  const ChannelAffine *constantLayer(const Op &op) const;

  // Can be changed, and something makes and something undoes it.
  bool isFree(uint32_t id) const {
    const ChannelClass &c = classes_[id];
    return !c.pinned && !c.producers.empty() && !c.consumers.empty();
  }

private:
  class Builder;
  std::vector<ChannelClass> classes_;
  std::map<const Value *, Labels> labels_;
  std::map<const Op *, LinearLayer> layers_;
  std::map<const Op *, ChannelAffine> constantLayers_;
};

} // namespace edgecc
