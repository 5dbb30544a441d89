#include "passes/compress/pruning/Blocks.h"

#include "ir/OpDef.h"
#include "passes/Rewrite.h"

#include <algorithm>
#include <set>

namespace edgecc::pruning {

namespace {

std::optional<ResidualBlock> blockOf(Op &add, unsigned skipOperand,
                                     const std::map<const Op *, size_t> &order) {
  ResidualBlock block{&add, add.operand(skipOperand), add.operand(1 - skipOperand), {}};
  if (block.skip == block.branch || constantOf(block.skip) || constantOf(block.branch) ||
      block.skip->type != add.result()->type || block.branch->type != add.result()->type)
    return std::nullopt;
  std::set<const Op *> inside;
  std::vector<Value *> open{block.branch};
  bool computes = false;
  while (!open.empty()) {
    Value *value = open.back();
    open.pop_back();
    if (value == block.skip || constantOf(value))
      continue;
    Op *op = value->definingOp();
    if (!op || op->numRegions())
      return std::nullopt;
    if (!inside.insert(op).second)
      continue;
    block.ops.push_back(op);
    computes |= op->def().is(OpTrait::Contraction);
    for (Value *operand : op->operands())
      if (operand)
        open.push_back(operand);
  }
  for (const Op *op : block.ops)
    for (unsigned r = 0; r < op->numResults(); ++r)
      for (const Use &use : op->result(r)->uses())
        if (use.user != &add && !inside.contains(use.user))
          return std::nullopt;
  if (!computes)
    return std::nullopt;
  std::ranges::sort(block.ops, {}, [&](const Op *op) { return order.at(op); });
  return block;
}

} // namespace

std::vector<ResidualBlock> findResidualBlocks(const Function &function) {
  std::vector<ResidualBlock> blocks;
  auto order = orderOf(function);
  for (const auto &op : function.body.ops())
    for (unsigned skip = 0; skip < 2 && op->kind() == OpKind::Add; ++skip)
      if (auto block = blockOf(*op, skip, order)) {
        bool hasInner = std::ranges::any_of(block->ops, [&](const Op *inner) {
          return std::ranges::any_of(blocks, [&](const auto &other) { return other.add == inner; });
        });
        if (!hasInner)
          blocks.push_back(std::move(*block));
        break;
      }
  return blocks;
}

Expected<void> scoreBlocks(const Function &function, std::vector<ResidualBlock> &blocks,
                           Executor &executor, CachedSamples &samples,
                           const std::function<void(size_t, size_t)> &progress) {
  std::vector<const Value *> wanted;
  for (const ResidualBlock &block : blocks) {
    wanted.push_back(block.branch);
    wanted.push_back(block.add->result());
  }
  // Sums and sums of squares of each channel.
  std::vector<Eigen::ArrayXd> sums(wanted.size()), squares(wanted.size());
  double count = 0;
  EDGECC_TRY(session, executor.prepare(function, wanted));
  for (size_t i = 0; i < samples.size(); ++i) {
    EDGECC_TRY(inputs, samples.get(i));
    EDGECC_TRY(values, session->run(inputs));
    for (size_t v = 0; v < values.size(); ++v) {
      const Dims &dims = values[v].dims();
      Eigen::Index channels = dims.size() > 1 ? dims[1] : 1;
      auto inner = static_cast<Eigen::Index>(values[v].elements()) / channels / dims[0];
      if (sums[v].size() == 0)
        sums[v] = squares[v] = Eigen::ArrayXd::Zero(channels);
      const float *data = values[v].data<float>().data();
      for (Eigen::Index c = 0; c < channels * dims[0]; ++c) {
        Eigen::Map<const Eigen::ArrayXf> part(data + c * inner, inner);
        sums[v][c % channels] += part.cast<double>().mean();
        squares[v][c % channels] += part.cast<double>().square().mean();
      }
    }
    ++count;
    if (progress)
      progress(i + 1, samples.size());
  }
  auto variance = [&](size_t v) { return (squares[v] / count - (sums[v] / count).square()).sum(); };
  for (size_t b = 0; b < blocks.size(); ++b) {
    double of = variance(2 * b + 1);
    blocks[b].loss = of > 0 ? variance(2 * b) / of : 0;
  }
  return {};
}

void removeBlock(const ResidualBlock &block, Origin &origin) {
  auto forget = [&](const Op &op) {
    for (unsigned r = 0; r < op.numResults(); ++r) {
      origin.values.erase(op.result(r));
      for (unsigned axis = 0; axis < op.result(r)->type.rank(); ++axis)
        origin.kept.erase({op.result(r), axis});
    }
  };
  forget(*block.add);
  for (Op *op : block.ops) {
    forget(*op);
    for (Value *operand : op->operands())
      if (operand && constantOf(operand) && hasOneUser(operand))
        forget(*operand->definingOp());
  }
  Op *last = block.branch->definingOp();
  block.add->result()->replaceAllUsesWith(block.skip);
  block.add->erase();
  eraseWithDeadOperands(last);
}

} // namespace edgecc::pruning
