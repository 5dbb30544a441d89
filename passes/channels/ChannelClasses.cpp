#include "passes/channels/ChannelClasses.h"

#include "ir/OpDef.h"
#include "passes/channels/Commutes.h"

#include <algorithm>
#include <numeric>

namespace edgecc {

// Walks the body once, from producers to consumers, with a union-find over channel ids.
class ChannelClasses::Builder {
public:
  Builder(ChannelClasses &out, const Block &body, const FlowOptions &options)
      : out_(out), body_(body), options_(options) {}

  void run() {
    for (unsigned i = 0; i < body_.numArguments(); ++i)
      setPinned(body_.argument(i), nullptr, "it is an input");
    for (const auto &op : body_.ops())
      visit(*op);
    for (const auto &argument : body_.arguments())
      pinIfCaptured(*argument);
    for (const auto &op : body_.ops())
      for (unsigned i = 0; i < op->numResults(); ++i)
        pinIfCaptured(*op->result(i));
    number();
  }

private:
  using End = ChannelClass::End;
  struct Node {
    uint32_t parent;
    ChannelClass data; // of roots
  };

  uint32_t find(uint32_t id) {
    while (nodes_[id].parent != id)
      id = nodes_[id].parent = nodes_[nodes_[id].parent].parent;
    return id;
  }

  uint32_t fresh() {
    auto id = static_cast<uint32_t>(nodes_.size());
    nodes_.push_back({id, {}});
    return id;
  }

  void unite(uint32_t a, uint32_t b) {
    a = find(a), b = find(b);
    if (a == b)
      return;
    if (b < a)
      std::swap(a, b);
    nodes_[b].parent = a;
    ChannelClass &to = nodes_[a].data, &from = nodes_[b].data;
    to.producers.insert(to.producers.end(), from.producers.begin(), from.producers.end());
    to.consumers.insert(to.consumers.end(), from.consumers.begin(), from.consumers.end());
    to.positive |= from.positive;
    if (from.pinned && !to.pinned) {
      to.pinned = true;
      to.blocker = from.blocker;
      to.reason = from.reason;
    }
    from = {};
  }

  void pin(uint32_t id, const Op *blocker, const std::string &reason) {
    ChannelClass &c = nodes_[find(id)].data;
    if (!c.pinned) {
      c.pinned = true;
      c.blocker = blocker;
      c.reason = reason;
    }
  }
  void pin(const Labels &labels, const Op *blocker, const std::string &reason) {
    for (uint32_t id : labels.ids)
      pin(id, blocker, reason);
  }
  bool isPinned(const Labels &labels) {
    return std::ranges::all_of(labels.ids,
                               [&](uint32_t id) { return nodes_[find(id)].data.pinned; });
  }

  void setPinned(const Value *value, const Op *blocker, const std::string &reason) {
    Labels labels = Labels::all(value->dims().size(), fresh());
    pin(labels, blocker, reason);
    out_.labels_[value] = std::move(labels);
  }

  const Labels &of(const Value *value) {
    if (!out_.labels_.contains(value))
      setPinned(value, nullptr, "it comes from outside the block");
    return out_.labels_.at(value);
  }

  void pinIfCaptured(const Value &value) {
    for (const Use &use : value.uses())
      if (use.user->block() != &body_)
        pin(of(&value), use.user, "it is read inside a region");
  }

  void pinOperands(const Op &op, const std::string &reason) {
    for (const Value *operand : op.operands())
      if (operand)
        pin(of(operand), &op, reason);
  }

  // The labels of a layer's operand as one id for each channel along `axis`.
  bool consume(Op &op, const Value *x, unsigned axis, int64_t channels) {
    const Labels &labels = of(x);
    if (!labels.uniform() && labels.axis() != axis) {
      pin(labels, &op, "the layer reads more than one channel's values as one channel");
      return false;
    }
    for (int64_t c = 0; c < channels; ++c)
      nodes_[find(labels.at(c))].data.consumers.push_back({&op, c});
    return true;
  }

  void produce(Op &op, unsigned axis, int64_t channels) {
    std::vector<uint32_t> ids;
    for (int64_t c = 0; c < channels; ++c) {
      ids.push_back(fresh());
      nodes_.back().data.producers.push_back({&op, c});
    }
    out_.labels_[op.result()] = Labels::along(op.result()->dims().size(), axis, std::move(ids));
  }

  bool visitLayer(Op &op) {
    auto layer = linearLayer(op);
    if (!layer)
      return false;
    bool shifts = options_.change == FlowOptions::Change::Shift;
    if (!shifts)
      consume(op, op.operand(0), layer->inputAxis, layer->inputs);
    else if (!layer->takesBias || !biasOf(*layer))
      pin(of(op.operand(0)), &op, "the layer has no constant bias that takes it up");
    else if (!readsNoPadding(op))
      pin(of(op.operand(0)), &op, "the layer reads zeros beyond the border");
    else
      consume(op, op.operand(0), layer->inputAxis, layer->inputs);
    produce(op, layer->outputAxis, layer->outputs);
    if (!biasOf(*layer)) {
      pin(of(op.result()), &op, "its bias is not a constant for each channel");
      if (op.operand(2))
        pin(of(op.operand(2)), &op, "it is a bias");
    }
    out_.layers_.emplace(&op, *layer);
    return true;
  }

  // Mul or Add of a constant along one axis.
  bool visitConstantLayer(Op &op) {
    bool shifts = options_.change == FlowOptions::Change::Shift;
    if (!options_.constantsAreLayers || op.kind() != (shifts ? OpKind::Add : OpKind::Mul))
      return false;
    unsigned rank = op.result()->type.rank();
    std::vector<unsigned> axes;
    for (const Value *x : op.operands())
      if (!constantOf(x) && of(x).axis())
        axes.push_back(*of(x).axis());
    if (rank > 0)
      axes.insert(axes.end(), {std::min(1u, rank - 1), rank - 1});
    for (unsigned axis : axes) {
      auto affine = channelAffine(op, axis);
      if (!affine || op.result()->type.boundedAxes >> axis & 1)
        continue;
      int64_t channels = op.result()->dims()[axis];
      if (affine->scale.size() == 1)
        affine->scale.assign(static_cast<size_t>(channels), affine->scale[0]);
      if (affine->shift.size() == 1)
        affine->shift.assign(static_cast<size_t>(channels), affine->shift[0]);
      if (shifts)
        pin(of(affine->x), &op, "another constant is added to it");
      else
        consume(op, affine->x, axis, channels);
      produce(op, axis, channels);
      out_.constantLayers_.emplace(&op, std::move(*affine));
      return true;
    }
    return false;
  }

  // f(a, b): both operands change together; constants change with them.
  bool visitJoint(Op &op) {
    if (options_.change != FlowOptions::Change::Scale || !isJoint(op))
      return false;
    const Dims &result = op.result()->dims();
    std::vector<Labels> moved;
    bool constant = constantOf(op.operand(0)) || constantOf(op.operand(1));
    for (unsigned i = 0; i < 2; ++i) {
      if (constantOf(op.operand(i)))
        continue;
      auto labels = labelsThrough(op, i, of(op.operand(i)));
      if (!labels || (!constant && !options_.joinSums))
        return false;
      moved.push_back(std::move(*labels));
    }
    if (moved.empty())
      return false;
    for (const Labels &labels : moved)
      for (uint32_t id : labels.ids)
        nodes_[find(id)].data.positive |= op.kind() == OpKind::Min || op.kind() == OpKind::Max;
    Labels joined = moved[0];
    if (moved.size() == 2) {
      Dims extents(result.size());
      for (size_t i = 0; i < extents.size(); ++i)
        extents[i] = std::max(moved[0].extents[i], moved[1].extents[i]);
      joined = moved[0].broadcast(extents);
      Labels other = moved[1].broadcast(extents);
      for (size_t i = 0; i < joined.ids.size(); ++i)
        unite(joined.ids[i], other.ids[i]);
    }
    out_.labels_[op.result()] = std::move(joined);
    return true;
  }

  bool visitConcat(const Op &op) {
    if (op.kind() != OpKind::Concat)
      return false;
    std::vector<const Labels *> operands; // map entries stay where they are
    for (const Value *x : op.operands())
      operands.push_back(&of(x));
    auto labels = concatenated(op, operands);
    if (labels)
      out_.labels_[op.result()] = std::move(*labels);
    return labels.has_value();
  }

  // An op that passes the change of one operand on, the others held fixed.
  bool visitCommuting(const Op &op) {
    std::optional<unsigned> through;
    for (unsigned i = 0; i < op.numOperands(); ++i)
      if (op.operand(i) && !constantOf(op.operand(i)) && !isPinned(of(op.operand(i))) &&
          commutes(op, i, options_) != Commutes::Never &&
          (!through || op.operand(i)->type.elements() > op.operand(*through)->type.elements()))
        through = i;
    if (!through)
      return false;
    const Value *x = op.operand(*through);
    auto labels = labelsThrough(op, *through, of(x));
    if (!labels)
      return false;
    for (unsigned i = 0; i < op.numOperands(); ++i)
      if (i != *through && op.operand(i))
        pin(of(op.operand(i)), &op,
            op.operand(i) == x ? "it is multiplied by itself"
                               : "another value is multiplied by it");
    if (commutes(op, *through, options_) == Commutes::Positively)
      for (uint32_t id : labels->ids)
        nodes_[find(id)].data.positive = true;
    out_.labels_[op.result()] = std::move(*labels);
    return true;
  }

  void visit(Op &op) {
    if (op.kind() == OpKind::Yield) {
      pinOperands(op, "it is an output");
      return;
    }
    if (op.parameter) {
      setPinned(op.result(), &op, "it is a constant");
      return;
    }
    bool known = op.numRegions() == 0 && (visitLayer(op) || visitConstantLayer(op) ||
                                          visitJoint(op) || visitConcat(op) || visitCommuting(op));
    if (!known)
      pinOperands(op, std::string(op.name()) + " does not commute with the change");
    for (unsigned i = 0; i < op.numResults(); ++i)
      if (!out_.labels_.contains(op.result(i)))
        setPinned(op.result(i), &op, std::string(op.name()) + " makes it");
  }

  // Roots become classes in the order of their ids.
  void number() {
    std::vector<uint32_t> numbers(nodes_.size());
    for (uint32_t id = 0; id < nodes_.size(); ++id)
      if (nodes_[id].parent == id) {
        numbers[id] = static_cast<uint32_t>(out_.classes_.size());
        out_.classes_.push_back(std::move(nodes_[id].data));
      }
    for (auto &[value, labels] : out_.labels_)
      for (uint32_t &id : labels.ids)
        id = numbers[find(id)];
  }

  ChannelClasses &out_;
  const Block &body_;
  const FlowOptions options_;
  std::vector<Node> nodes_;
};

ChannelClasses::ChannelClasses(const Block &body, const FlowOptions &options) {
  Builder(*this, body, options).run();
}

const Labels *ChannelClasses::labels(const Value &value) const {
  auto found = labels_.find(&value);
  return found == labels_.end() ? nullptr : &found->second;
}

const LinearLayer *ChannelClasses::layer(const Op &op) const {
  auto found = layers_.find(&op);
  return found == layers_.end() ? nullptr : &found->second;
}

const ChannelAffine *ChannelClasses::constantLayer(const Op &op) const {
  auto found = constantLayers_.find(&op);
  return found == constantLayers_.end() ? nullptr : &found->second;
}

} // namespace edgecc
