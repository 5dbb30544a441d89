// Folds per-channel affine functions into the weights and bias of the linear op before them:
//   s * (W x + b) + t = (s W) x + (s b + t)
// The affine function is a batch norm, or a Mul or Add of a per-channel constant. A batch norm that
// no linear op can take becomes Mul and Add, which are element-wise and so can be fused.
#include "passes/Passes.h"
#include "passes/canonicalize/ChannelAffine.h"
#include "passes/channels/LinearLayer.h"

namespace edgecc {

namespace {

// Folds `op`, an affine function, into the linear op that makes its operand.
bool foldInto(Module &module, Op *op, Statistics &statistics) {
  for (const Value *operand : op->operands()) {
    Op *producer = operand ? operand->definingOp() : nullptr;
    auto target = producer && hasOneUser(operand) ? linearLayer(*producer) : std::nullopt;
    if (!target || producer->block() != op->block())
      continue;
    auto affine = channelAffine(*op, target->outputAxis);
    auto bias = biasOf(*target);
    if (!affine || affine->x != operand || !bias || (affine->shifts() && !target->takesBias))
      continue;
    if (affine->scales()) {
      std::vector<double> rows(bias->size());
      for (size_t c = 0; c < rows.size(); ++c)
        rows[c] = affine->scaleOf(c);
      setWeights(module, *target, scaledWeights(*target, rows, {}));
    }
    for (size_t c = 0; c < bias->size(); ++c)
      (*bias)[c] = (*bias)[c] * affine->scaleOf(c) + affine->shiftOf(c);
    if (target->takesBias && (producer->operand(2) || affine->shifts()))
      setBias(module, *target, *bias);
    statistics.add(op->kind() == OpKind::BatchNormalization ? "batch norms folded"
                                                            : "scales and offsets folded");
    producer->location = joinLocations(producer->location, op->location);
    producer->result()->provenance = op->result()->provenance;
    replaceOp(op, producer->result());
    return true;
  }
  return false;
}

} // namespace

Expected<void> foldBatchNorm(Module &module, PassContext &context) {
  for (const auto &function : module.functions())
    forEachBlock(function->body, [&](Block &block) {
      for (Op *op : block.snapshot())
        if (!foldInto(module, op, context.statistics) && op->kind() == OpKind::BatchNormalization &&
            expandBatchNorm(module, op))
          context.statistics.add("batch norms made element-wise");
    });
  return {};
}

} // namespace edgecc
