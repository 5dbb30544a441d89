// Losses, as found in models that were exported together with their criterion.
#include "frontend/onnx/ops/Emit.h"
#include "frontend/onnx/ops/OpTable.h"

namespace edgecc::importer {
namespace {

// -weight[target] * x[:, target] for log-probabilities x [N, C, ...] and class numbers target
// [N, ...]; targets that equal ignore_index count neither in the sum nor in the mean.
Value *negativeLogLikelihood(NodeContext &n, Value *x, Value *target, Value *weight) {
  if (x->dims().size() < 2)
    n.fail("the first operand must be [N, C, ...], is " + x->type.str());
  Value *ignored = nullptr;
  if (n.hasAttribute("ignore_index")) {
    auto index = static_cast<double>(n.intAttribute("ignore_index", 0));
    ignored = n.emit(OpKind::Equal, {target, scalarLike(n, target, index)});
    target = where(n, ignored, scalarLike(n, target, 0), target);
  }
  Dims column = target->dims();
  if (column.empty())
    n.fail("the targets must not be a scalar");
  column.insert(column.begin() + 1, 1);
  Value *picked =
      n.emit(OpKind::GatherElements, {x, reshape(n, target, column)}, {{"axis", int64_t{1}}});
  Value *loss = n.emit(OpKind::Neg, {reshape(n, picked, target->dims())});
  if (weight)
    weight = n.emit(OpKind::Gather, {weight, target}, {{"axis", int64_t{0}}});
  if (ignored) {
    if (!weight)
      weight = expand(n, scalarLike(n, x, 1), target->dims());
    weight = where(n, ignored, scalarLike(n, x, 0), weight);
  }
  if (weight)
    loss = mul(n, loss, weight);

  std::string reduction = n.stringAttribute("reduction", "mean");
  std::vector<int64_t> axes = allAxes(loss->dims().size());
  if (reduction == "none")
    return loss;
  if (reduction == "sum")
    return reduce(n, OpKind::ReduceSum, loss, axes, false);
  if (reduction != "mean")
    n.fail("unknown reduction '" + printable(reduction) + "'");
  if (!weight)
    return reduce(n, OpKind::ReduceMean, loss, axes, false);
  return div(n, reduce(n, OpKind::ReduceSum, loss, axes, false),
             reduce(n, OpKind::ReduceSum, weight, axes, false));
}

void importNegativeLogLikelihoodLoss(NodeContext &n) {
  n.setOutput(0, negativeLogLikelihood(n, n.input(0), n.input(1), n.optionalInput(2)));
}

void importSoftmaxCrossEntropyLoss(NodeContext &n) {
  Value *logits = n.input(0);
  if (logits->dims().size() < 2)
    n.fail("the scores must be [N, C, ...], are " + logits->type.str());
  Value *logProbabilities = n.emit(OpKind::LogSoftmax, {logits}, {{"axis", int64_t{1}}});
  n.setOutput(0, negativeLogLikelihood(n, logProbabilities, n.input(1), n.optionalInput(2)));
  n.setOutput(1, logProbabilities);
}

} // namespace

void addLossOps(OpTable &table) {
  table.add("NegativeLogLikelihoodLoss", importNegativeLogLikelihoodLoss);
  table.add("SoftmaxCrossEntropyLoss", importSoftmaxCrossEntropyLoss);
}

} // namespace edgecc::importer
