#include "passes/channels/ConstantChannels.h"

#include "passes/canonicalize/ChannelAffine.h"
#include "passes/channels/Commutes.h"
#include "passes/channels/LinearLayer.h"

#include <algorithm>
#include <cmath>

namespace edgecc {

class ConstantChannels::Builder {
public:
  explicit Builder(ConstantChannels &out) : out_(out) {}

  void run(const Block &body) {
    for (const auto &op : body.ops()) {
      if (op->numResults() == 0 || op->parameter || op->numRegions() != 0)
        continue;
      auto labels = visit(*op);
      if (labels && std::ranges::any_of(labels->ids, [](uint32_t id) { return id != 0; }))
        out_.labels_[op->result()] = std::move(*labels);
    }
  }

private:
  uint32_t constant(std::optional<double> value) {
    if (!value || !std::isfinite(*value))
      return 0;
    out_.constants_.push_back(*value);
    return static_cast<uint32_t>(out_.constants_.size());
  }
  std::optional<double> valueOf(uint32_t id) const {
    return id == 0 ? std::nullopt : std::optional(out_.constants_[id - 1]);
  }

  Labels of(const Value *value) const {
    auto found = out_.labels_.find(value);
    return found == out_.labels_.end() ? Labels::all(value->dims().size(), 0) : found->second;
  }
  bool isKnown(const Value *value) const { return value && out_.labels_.contains(value); }

  // Rows that read nothing but constants.
  std::optional<Labels> visitLayer(const LinearLayer &layer) {
    auto bias = biasOf(layer);
    if (!bias)
      return std::nullopt;
    const bool whole = readsNoPadding(*layer.op);
    std::vector<std::optional<double>> x;
    for (int64_t c = 0; c < layer.inputs; ++c)
      x.push_back(out_.at(*layer.op->operand(0), layer.inputAxis, c));
    std::vector<bool> varies(bias->size(), false);
    layer.forEachWeight([&](int64_t i, size_t row, size_t column) {
      double w = layer.weights->asDouble(i);
      if (w == 0)
        return;
      if (!x[column] || (*x[column] != 0 && !whole))
        varies[row] = true;
      else
        (*bias)[row] += layer.gain * w * *x[column];
    });
    std::vector<uint32_t> ids;
    for (size_t row = 0; row < varies.size(); ++row)
      ids.push_back(constant(varies[row] ? std::nullopt : std::optional((*bias)[row])));
    return Labels::along(layer.op->result()->dims().size(), layer.outputAxis, std::move(ids));
  }

  // s x + t, which is t for s = 0 whatever x is.
  std::optional<Labels> visitAffine(const Op &op) {
    unsigned rank = op.result()->type.rank();
    std::vector<unsigned> axes;
    for (const Value *x : op.operands())
      if (isKnown(x) && of(x).axis())
        axes.push_back(*of(x).axis());
    if (rank > 0)
      axes.insert(axes.end(), {std::min(1u, rank - 1), rank - 1});
    for (unsigned axis : axes) {
      auto affine = channelAffine(op, axis);
      if (!affine)
        continue;
      std::vector<uint32_t> ids;
      for (int64_t c = 0; c < op.result()->dims()[axis]; ++c) {
        auto i = static_cast<size_t>(c);
        double s = affine->scaleOf(i), t = affine->shiftOf(i);
        auto x = s == 0 ? std::optional(0.0) : out_.at(*affine->x, axis, c);
        ids.push_back(constant(x ? std::optional(s * *x + t) : std::nullopt));
      }
      return Labels::along(rank, axis, std::move(ids));
    }
    return std::nullopt;
  }

  static std::optional<double> bound(const Value *value, double otherwise) {
    return value ? splatOf(value) : std::optional(otherwise);
  }

  // f(x) of one value.
  static std::optional<double> activated(const Op &op, double x) {
    switch (op.kind()) {
    case OpKind::Identity:
      return x;
    case OpKind::Relu:
      return std::max(x, 0.0);
    case OpKind::LeakyRelu:
      return x < 0 ? op.real("alpha") * x : x;
    case OpKind::Clip: {
      auto low = bound(op.operand(1), -INFINITY), high = bound(op.operand(2), INFINITY);
      return low && high ? std::optional(std::min(std::max(x, *low), *high)) : std::nullopt;
    }
    default:
      return std::nullopt;
    }
  }

  std::optional<Labels> visitSum(const Op &op) {
    const Value *a = op.operand(0), *b = op.operand(1);
    if (!isKnown(a) || !isKnown(b) || a->dims() != b->dims())
      return std::nullopt;
    Labels x = of(a), y = of(b);
    for (size_t i = 0; i < x.extents.size(); ++i)
      x.extents[i] = std::max(x.extents[i], y.extents[i]);
    Labels out = of(a).broadcast(x.extents);
    y = y.broadcast(x.extents);
    for (size_t i = 0; i < out.ids.size(); ++i) {
      auto p = valueOf(out.ids[i]), q = valueOf(y.ids[i]);
      out.ids[i] = constant(p && q ? std::optional(*p + *q) : std::nullopt);
    }
    return out;
  }

  std::optional<Labels> visit(Op &op) {
    if (auto layer = linearLayer(op))
      return visitLayer(*layer);
    if (auto labels = visitAffine(op))
      return labels;
    if (op.kind() == OpKind::Add)
      return visitSum(op);
    if (std::ranges::none_of(op.operands(), [&](const Value *x) { return isKnown(x); }))
      return std::nullopt;
    if (op.kind() == OpKind::Concat) {
      std::vector<Labels> parts;
      std::vector<const Labels *> operands;
      for (const Value *x : op.operands())
        parts.push_back(of(x));
      for (const Labels &part : parts)
        operands.push_back(&part);
      return concatenated(op, operands);
    }
    if (!isKnown(op.operand(0)))
      return std::nullopt;
    Labels x = of(op.operand(0));
    if (activated(op, 0)) {
      for (uint32_t &id : x.ids)
        if (auto value = valueOf(id))
          id = constant(activated(op, *value));
      return x;
    }
    // What passes a shift on passes a constant on.
    if (commutes(op, 0, {.change = FlowOptions::Change::Shift}) != Commutes::Never)
      return labelsThrough(op, 0, x);
    return std::nullopt;
  }

  ConstantChannels &out_;
};

ConstantChannels::ConstantChannels(const Block &body) { Builder(*this).run(body); }

std::optional<double> ConstantChannels::at(const Value &value, unsigned axis, int64_t c) const {
  auto found = labels_.find(&value);
  if (found == labels_.end() || (!found->second.uniform() && found->second.axis() != axis))
    return std::nullopt;
  uint32_t id = found->second.at(c);
  return id == 0 ? std::nullopt : std::optional(constants_[id - 1]);
}

} // namespace edgecc
