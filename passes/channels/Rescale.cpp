#include "passes/channels/Rescale.h"

#include "passes/channels/Commutes.h"

#include <algorithm>

namespace edgecc {

namespace {

// Each channel's entry of `byClass` along `axis`; empty if all are `neutral`, as they are where the
// classes differ along another axis, because those are pinned.
std::vector<double> alongAxis(const Labels *labels, unsigned axis, int64_t channels,
                              const std::vector<double> &byClass, double neutral) {
  std::vector<double> out;
  if (labels && (labels->uniform() || labels->axis() == axis))
    for (int64_t c = 0; c < channels; ++c)
      out.push_back(byClass[labels->at(c)]);
  if (std::ranges::all_of(out, [&](double x) { return x == neutral; }))
    out.clear();
  return out;
}

// The constant with each element divided by its class's scale, for an op whose result has `labels`.
Tensor dividedConstant(const Tensor &content, const Labels &labels,
                       const std::vector<double> &scales) {
  Dims from(labels.extents.size() - content.rank(), 1);
  from.insert(from.end(), content.dims().begin(), content.dims().end());
  Dims to(from.size());
  for (size_t i = 0; i < to.size(); ++i)
    to[i] = std::max(from[i], labels.extents[i]);
  // Positions of both in the result by the same broadcasting.
  std::vector<uint32_t> positions(static_cast<size_t>(content.elements()));
  for (size_t i = 0; i < positions.size(); ++i)
    positions[i] = static_cast<uint32_t>(i);
  Labels sources = Labels{from, std::move(positions)}.broadcast(to);
  Labels ids = labels.broadcast(to);
  Tensor out(content.dtype(), to);
  for (size_t i = 0; i < ids.ids.size(); ++i)
    out.setDouble(static_cast<int64_t>(i), content.asDouble(sources.ids[i]) / scales[ids.ids[i]]);
  return out;
}

class Scaler {
public:
  Scaler(Module &module, const ChannelClasses &classes, const std::vector<double> &scales)
      : module_(module), classes_(classes), scales_(scales) {}

  void run(Block &body) {
    for (Op *op : body.snapshot()) {
      for (unsigned i = 0; i < op->numResults(); ++i)
        keepProvenance(*op->result(i));
      if (classes_.layer(*op))
        scaleLayer(*op);
      else if (const ChannelAffine *affine = classes_.constantLayer(*op))
        scaleConstantLayer(*op, *affine);
      else if (isJoint(*op))
        scaleConstants(*op);
    }
    // These become other ops, whose results have no labels.
    for (Op *op : body.snapshot())
      if (op->kind() == OpKind::Clip)
        scaleBounds(*op);
  }

private:
  bool isChanged(const Labels &labels) const {
    return std::ranges::any_of(labels.ids, [&](uint32_t id) { return scales_[id] != 1; });
  }

  void keepProvenance(Value &value) const {
    const Labels *labels = classes_.labels(value);
    Provenance &p = value.provenance;
    if (!labels || !isChanged(*labels) || p.tensor.empty())
      return;
    if (labels->uniform() && p.scale.empty() && static_cast<size_t>(p.axis) >= value.dims().size())
      p.axis = 0;
    auto axis = labels->uniform() ? static_cast<unsigned>(p.axis) : labels->axis().value_or(~0u);
    bool fits = axis < value.dims().size() &&
                (static_cast<int>(axis) == p.axis || (p.scale.empty() && p.channelMap.empty()));
    if (!fits) { // no list of factors along one axis says it
      p = {};
      return;
    }
    p.axis = static_cast<int>(axis);
    auto channels = static_cast<size_t>(value.dims()[axis]);
    p.scale.resize(channels, 1.0);
    for (size_t c = 0; c < channels; ++c)
      p.scale[c] *= scales_[labels->at(static_cast<int64_t>(c))];
  }

  std::vector<double> of(const Value *value, unsigned axis, int64_t channels) const {
    return alongAxis(classes_.labels(*value), axis, channels, scales_, 1);
  }

  void scaleLayer(Op &op) {
    LinearLayer layer = *classes_.layer(op);
    std::vector<double> rows = of(op.result(), layer.outputAxis, layer.outputs);
    std::vector<double> columns = of(op.operand(0), layer.inputAxis, layer.inputs);
    for (double &s : rows)
      s = 1 / s;
    if (!rows.empty() || !columns.empty())
      setWeights(module_, layer, scaledWeights(layer, rows, columns));
    if (rows.empty() || !op.operand(2))
      return;
    auto bias = *biasOf(layer);
    for (size_t c = 0; c < bias.size(); ++c)
      bias[c] *= rows[c];
    setBias(module_, layer, bias);
  }

  void scaleConstantLayer(Op &op, const ChannelAffine &affine) {
    auto channels = static_cast<int64_t>(affine.scale.size());
    unsigned axis = classes_.labels(*op.result())->axis().value_or(0);
    std::vector<double> rows = of(op.result(), axis, channels);
    std::vector<double> columns = of(affine.x, axis, channels);
    if (rows.empty() && columns.empty())
      return;
    Tensor factors = vectorOf(op.result()->type.dtype, affine.scale);
    for (int64_t c = 0; c < channels; ++c) {
      auto i = static_cast<size_t>(c);
      factors.setDouble(c, affine.scale[i] * (columns.empty() ? 1 : columns[i]) /
                               (rows.empty() ? 1 : rows[i]));
    }
    Dims dims(op.result()->dims().size() - axis, 1);
    dims[0] = channels;
    unsigned constant = op.operand(0) == affine.x ? 1 : 0;
    op.setOperand(constant, constantBefore(module_, &op, factors.reshaped(dims), "scale"));
  }

  void scaleConstants(Op &op) {
    const Labels &labels = *classes_.labels(*op.result());
    if (!isChanged(labels))
      return;
    for (unsigned i = 0; i < 2; ++i)
      if (const Tensor *content = constantOf(op.operand(i)))
        op.setOperand(i, constantBefore(module_, &op, dividedConstant(*content, labels, scales_),
                                        op.operand(i)->definingOp()->parameter->name));
  }

  // clip(x, low, high) / s = clip(x / s, low / s, high / s), with bounds for each channel as Max
  // and Min.
  void scaleBounds(Op &op) {
    const Labels &labels = *classes_.labels(*op.result());
    if (!isChanged(labels))
      return;
    const Value *low = op.operand(1), *high = op.operand(2);
    edgecc::Builder builder(module_);
    builder.setInsertionBefore(&op);
    builder.location = op.location;
    auto bound = [&](const Value *value) {
      Tensor scalar = constantOf(value)->reshaped({});
      return builder.constant(dividedConstant(scalar, labels, scales_), "bound");
    };
    Value *x = op.operand(0);
    if (low && splatOf(low) == 0.0)
      x = builder.create(OpKind::Relu, {x});
    else if (low)
      x = builder.create(OpKind::Max, {x, bound(low)});
    if (high)
      x = builder.create(OpKind::Min, {x, bound(high)});
    replaceOp(&op, x);
  }

  Module &module_;
  const ChannelClasses &classes_;
  const std::vector<double> &scales_;
};

} // namespace

void applyScales(Module &module, Block &body, const ChannelClasses &classes,
                 const std::vector<double> &scales) {
  Scaler(module, classes, scales).run(body);
}

void applyShifts(Module &module, Block &body, const ChannelClasses &classes,
                 const std::vector<double> &shifts) {
  for (Op *op : body.snapshot()) {
    for (unsigned i = 0; i < op->numResults(); ++i)
      if (const Labels *labels = classes.labels(*op->result(i)))
        if (std::ranges::any_of(labels->ids, [&](uint32_t id) { return shifts[id] != 0; }))
          op->result(i)->provenance = {};
    if (!classes.layer(*op))
      continue;
    LinearLayer layer = *classes.layer(*op);
    std::vector<double> rows =
        alongAxis(classes.labels(*op->result()), layer.outputAxis, layer.outputs, shifts, 0);
    std::vector<double> columns =
        alongAxis(classes.labels(*op->operand(0)), layer.inputAxis, layer.inputs, shifts, 0);
    if (rows.empty() && columns.empty())
      continue;
    auto bias = *biasOf(layer);
    if (!columns.empty())
      layer.forEachWeight([&](int64_t i, size_t row, size_t column) {
        bias[row] += layer.gain * layer.weights->asDouble(i) * columns[column];
      });
    for (size_t c = 0; c < rows.size(); ++c)
      bias[c] -= rows[c];
    setBias(module, layer, bias);
  }
}

} // namespace edgecc
