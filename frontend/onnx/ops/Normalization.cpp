// Normalisations and the softmax family.
#include "frontend/onnx/ops/Emit.h"
#include "frontend/onnx/ops/OpTable.h"

namespace edgecc::importer {
namespace {

Value *square(NodeContext &n, Value *x) { return mul(n, x, x); }

// Statistics of the batch instead of stored ones; further results are the running statistics.
void importTrainingBatchNorm(NodeContext &n, Value *x, double epsilon) {
  std::vector<int64_t> axes = allAxes(x->dims().size());
  axes.erase(axes.begin() + 1);
  Value *mean = reduce(n, OpKind::ReduceMean, x, axes, true);
  Value *variance = reduce(n, OpKind::ReduceMean, square(n, sub(n, x, mean)), axes, true);
  Dims channels{x->dims()[1]};
  Value *meanVector = reshape(n, mean, channels), *varianceVector = reshape(n, variance, channels);
  double momentum = n.floatAttribute("momentum", 0.9);
  auto running = [&](Value *stored, Value *fresh) {
    Value *kept = mul(n, stored, scalarLike(n, stored, momentum));
    fresh = cast(n, fresh, stored->type.dtype);
    return add(n, kept, mul(n, fresh, scalarLike(n, fresh, 1 - momentum)));
  };
  n.setOutput(0, n.emit(OpKind::BatchNormalization,
                        {x, n.input(1), n.input(2), meanVector, varianceVector},
                        {{"epsilon", epsilon}}));
  n.setOutput(1, running(n.input(3), meanVector));
  n.setOutput(2, running(n.input(4), varianceVector));
}

void importBatchNormalization(NodeContext &n) {
  Value *x = n.input(0);
  double epsilon = n.floatAttribute("epsilon", 1e-5);
  if (x->dims().size() < 2)
    n.fail("needs an operand with a channel axis");
  if (n.opset() < 9 && !n.flag("spatial", true))
    n.fail("normalises each position by itself (spatial=0), which is not supported");
  if (n.opset() >= 14 && n.flag("training_mode", false))
    return importTrainingBatchNorm(n, x, epsilon);
  n.setOutput(0,
              n.emit(OpKind::BatchNormalization,
                     {x, n.input(1), n.input(2), n.input(3), n.input(4)}, {{"epsilon", epsilon}}));
  if (n.opset() < 14) // old exporters name the training outputs without using them
    for (unsigned i = 1; i < 5; ++i)
      n.setOutput(i, n.input(i < 3 ? i + 2 : i));
}

void importInstanceNormalization(NodeContext &n) {
  n.setOutput(0, n.emit(OpKind::InstanceNormalization, {n.input(0), n.input(1), n.input(2)},
                        {{"epsilon", n.floatAttribute("epsilon", 1e-5)}}));
}

// Up to opset 20 scale and bias are given for each group.
void importGroupNormalization(NodeContext &n) {
  Value *x = n.input(0);
  int64_t groups = n.intAttribute("num_groups");
  if (x->dims().size() < 2 || groups < 1 || x->dims()[1] % groups != 0)
    n.fail("num_groups must divide the channels of " + x->type.str());
  int64_t channels = x->dims()[1];
  auto forChannels = [&](Value *value) {
    if (n.opset() >= 21 || value->dims() != Dims{groups})
      return value;
    Value *column = reshape(n, value, {groups, 1});
    return reshape(n, expand(n, column, {groups, channels / groups}), {channels});
  };
  n.setOutput(0, n.emit(OpKind::GroupNormalization,
                        {x, forChannels(n.input(1)), forChannels(n.input(2))},
                        {{"epsilon", n.floatAttribute("epsilon", 1e-5)}, {"num_groups", groups}}));
}

void importLayerNormalization(NodeContext &n) {
  Value *x = n.input(0);
  auto results =
      n.emitAll(OpKind::LayerNormalization, {x, n.input(1), n.optionalInput(2)},
                {{"axis", normalizedAxis(n, n.intAttribute("axis", -1), x->dims().size())},
                 {"epsilon", n.floatAttribute("epsilon", 1e-5)}});
  for (unsigned i = 0; i < results.size(); ++i)
    n.setOutput(i, results[i]);
}

void importRMSNormalization(NodeContext &n) {
  Value *x = n.input(0);
  n.setOutput(0, n.emit(OpKind::RMSNormalization, {x, n.input(1)},
                        {{"axis", normalizedAxis(n, n.intAttribute("axis", -1), x->dims().size())},
                         {"epsilon", n.floatAttribute("epsilon", 1e-5)}}));
}

void importLRN(NodeContext &n) {
  n.setOutput(0, n.emit(OpKind::LRN, {n.input(0)},
                        {{"size", n.intAttribute("size")},
                         {"alpha", n.floatAttribute("alpha", 1e-4)},
                         {"beta", n.floatAttribute("beta", 0.75)},
                         {"bias", n.floatAttribute("bias", 1.0)}}));
}

// x / (norm of x along the axis); a zero vector stays zero.
void importLpNormalization(NodeContext &n) {
  Value *x = n.input(0);
  int64_t axis = normalizedAxis(n, n.intAttribute("axis", -1), x->dims().size());
  int64_t p = n.intAttribute("p", 2);
  if (p != 1 && p != 2)
    n.fail("p must be 1 or 2");
  Value *norm = reduce(n, p == 1 ? OpKind::ReduceL1 : OpKind::ReduceL2, x, {axis}, true);
  Value *isZero = n.emit(OpKind::Equal, {norm, scalarLike(n, x, 0)});
  n.setOutput(0, div(n, x, where(n, isZero, scalarLike(n, x, 1), norm)));
}

// (x - mean) / (standard deviation + 1e-9)
void importMeanVarianceNormalization(NodeContext &n) {
  Value *x = n.input(0);
  std::vector<int64_t> axes{0, 2, 3};
  if (n.hasAttribute("axes"))
    axes = n.intsAttribute("axes");
  axes = normalizedAxes(n, std::move(axes), x->dims().size());
  Value *centred = sub(n, x, reduce(n, OpKind::ReduceMean, x, axes, true));
  Value *variance = reduce(n, OpKind::ReduceMean, square(n, centred), axes, true);
  Value *deviation = n.emit(OpKind::Sqrt, {variance});
  n.setOutput(0, div(n, centred, add(n, deviation, scalarLike(n, x, 1e-9))));
}

// Up to opset 12 all axes from `axis` to the last count as one.
template <OpKind kind> void importSoftmax(NodeContext &n) {
  Value *x = n.input(0);
  auto rank = static_cast<int64_t>(x->dims().size());
  if (n.opset() >= 13)
    return n.setOutput(
        0, n.emit(kind, {x},
                  {{"axis", normalizedAxis(n, n.intAttribute("axis", -1), x->dims().size())}}));
  int64_t axis = n.intAttribute("axis", 1);
  if (axis < -rank || axis > rank)
    n.fail("axis " + std::to_string(axis) + " is outside of " + x->type.str());
  axis += axis < 0 ? rank : 0;
  if (axis == rank - 1)
    return n.setOutput(0, n.emit(kind, {x}, {{"axis", axis}}));
  const Dims &dims = x->dims();
  Value *rows = reshape(n, x,
                        {numElements(Dims(dims.begin(), dims.begin() + axis)),
                         numElements(Dims(dims.begin() + axis, dims.end()))});
  Value *result = n.emit(kind, {rows}, {{"axis", int64_t{1}}});
  n.setOutput(0, reshape(n, result, dims));
}

} // namespace

void addNormalizationOps(OpTable &table) {
  table.add("BatchNormalization", importBatchNormalization);
  table.add("GroupNormalization", importGroupNormalization);
  table.add("Hardmax", importSoftmax<OpKind::Hardmax>);
  table.add("InstanceNormalization", importInstanceNormalization);
  table.add("LRN", importLRN);
  table.add("LayerNormalization", importLayerNormalization);
  table.add("LogSoftmax", importSoftmax<OpKind::LogSoftmax>);
  table.add("LpNormalization", importLpNormalization);
  table.add("MeanVarianceNormalization", importMeanVarianceNormalization);
  table.add("RMSNormalization", importRMSNormalization);
  table.add("SimplifiedLayerNormalization", importRMSNormalization); // ONNX Runtime's name
  table.add("Softmax", importSoftmax<OpKind::Softmax>);
}

} // namespace edgecc::importer
