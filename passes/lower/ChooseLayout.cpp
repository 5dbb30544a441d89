// Chooses the order of axes in memory for every value. Convolutions, pooling and resampling like
// the channels innermost; ops that do not care keep what they get; a Reorder stands only where an
// op needs another order than its operand has. Function inputs and outputs, and values that enter
// or leave the regions of If, Loop and Scan, are row-major.
#include "ir/OpDef.h"
#include "passes/Passes.h"
#include "passes/Rewrite.h"
#include "passes/lower/Layouts.h"

#include <algorithm>

namespace edgecc {

namespace {

using layouts::Order;

// Up to this many channels a row-major operand is read as well as a channels-last one: by ops that
// work on vectors of channels, and by those that broadcast single elements.
constexpr int64_t kFewChannels = 4, kFewBroadcastChannels = 16;

class LayoutChooser {
public:
  LayoutChooser(Module &module, Statistics &statistics)
      : module_(module), statistics_(statistics) {}

  void block(Block &block) {
    for (Op *op : block.snapshot()) {
      if (op->parameter)
        continue;
      for (unsigned i = 0; i < op->numRegions(); ++i)
        this->block(op->region(i));
      choose(*op);
    }
  }

private:
  void choose(Op &op) {
    switch (op.kind()) {
    case OpKind::Conv:
    case OpKind::ConvTranspose:
      return convolution(op);
    case OpKind::MaxPool:
    case OpKind::AveragePool:
    case OpKind::LpPool:
    case OpKind::Resize:
    case OpKind::DepthToSpace:
    case OpKind::SpaceToDepth:
      return spatial(op);
    case OpKind::BatchNormalization:
    case OpKind::InstanceNormalization:
    case OpKind::GroupNormalization:
    case OpKind::LRN:
    case OpKind::Softmax:
    case OpKind::LogSoftmax:
    case OpKind::LayerNormalization:
    case OpKind::RMSNormalization:
    case OpKind::Slice:
    case OpKind::Pad:
    case OpKind::Tile:
      return follow(op);
    case OpKind::Concat:
      return agree(op);
    case OpKind::Transpose:
      return transpose(op);
    case OpKind::Reshape:
      return reshape(op);
    case OpKind::MatMul:
      return matMul(op);
    default:
      break;
    }
    if (op.def().is(OpTrait::Elementwise))
      return agree(op);
    if (op.def().is(OpTrait::Reduction))
      return reduction(op);
    for (unsigned i = 0; i < op.numOperands(); ++i)
      require(op, i, layouts::rowMajor(rank(op.operand(i))));
  }

  static size_t rank(const Value *value) { return value ? value->type.rank() : 0; }

  // Makes operand `i` come in `order`.
  void require(Op &op, unsigned i, const Order &order) {
    Value *x = op.operand(i);
    if (!x || constantOf(x) || layouts::isSame(x->dims(), layouts::orderOf(*x), order))
      return;
    Value *&copy = reordered_[{x, order, op.block()}];
    if (!copy) {
      Builder builder(module_);
      builder.setInsertionBefore(&op);
      builder.location = x->definingOp() ? x->definingOp()->location : op.location;
      copy = builder.create(OpKind::Reorder, {x},
                            {{"order", std::vector<int64_t>(order.begin(), order.end())}});
      layouts::setOrder(*copy, order);
      copy->provenance = x->provenance;
      statistics_.add("layout changes");
    }
    op.setOperand(i, copy);
  }

  void convolution(Op &op) {
    Order order = layouts::channelsLast(rank(op.result()));
    bool broadcasts = op.kind() == OpKind::Conv && op.integer("group") == 1;
    if (op.operand(0)->dims()[1] > (broadcasts ? kFewBroadcastChannels : kFewChannels))
      require(op, 0, order);
    layouts::setOrder(*op.result(), order);
  }

  void spatial(Op &op) {
    const Value &x = *op.operand(0);
    bool touchesChannels =
        x.type.rank() < 3 || (op.kind() == OpKind::Resize && (x.dims()[0] != op.ints("sizes")[0] ||
                                                              x.dims()[1] != op.ints("sizes")[1]));
    if (!touchesChannels && x.dims()[1] > kFewChannels)
      require(op, 0, layouts::channelsLast(x.type.rank()));
    follow(op);
  }

  // The results keep the order of operand 0.
  void follow(Op &op) {
    Order order = layouts::orderOf(*op.operand(0));
    for (unsigned i = 0; i < op.numResults(); ++i)
      if (rank(op.result(i)) == order.size())
        layouts::setOrder(*op.result(i), order);
  }

  // Operands of the result's shape (all operands of a Concat) come in one order, the one that holds
  // the most bytes already; between equals, one that somebody has chosen wins over row-major.
  void agree(Op &op) {
    Value &result = *op.result();
    auto isFull = [&](const Value *x) {
      return x && !constantOf(x) && rank(x) == rank(&result) &&
             (op.kind() == OpKind::Concat || x->dims() == result.dims());
    };
    std::vector<std::pair<Order, int64_t>> votes;
    for (const Value *x : op.operands()) {
      if (!isFull(x))
        continue;
      Order order = layouts::orderOf(*x);
      auto vote = std::ranges::find_if(votes, [&](const auto &other) {
        return layouts::isSame(result.dims(), other.first, order);
      });
      if (vote == votes.end())
        vote = votes.insert(votes.end(), {order, 0});
      vote->second += 2 * x->type.bytes() + (x->type.layout ? 1 : 0);
    }
    if (votes.empty())
      return broadcastOnly(op);
    Order order =
        std::ranges::max_element(votes, {}, [](const auto &v) { return v.second; })->first;
    for (unsigned i = 0; i < op.numOperands(); ++i)
      if (isFull(op.operand(i)))
        require(op, i, order);
    layouts::setOrder(result, order);
  }

  // Every operand is broadcast: the one with the most elements decides.
  void broadcastOnly(Op &op) {
    const Value *most = nullptr;
    for (const Value *x : op.operands())
      if (x && rank(x) == rank(op.result()) &&
          (!most || x->type.elements() > most->type.elements()))
        most = x;
    if (most)
      layouts::setOrder(*op.result(), layouts::orderOf(*most));
  }

  void transpose(Op &op) {
    layouts::setOrder(*op.result(),
                      layouts::transposed(layouts::orderOf(*op.operand(0)), op.ints("perm")));
  }

  void reshape(Op &op) {
    Value &x = *op.operand(0);
    if (constantOf(&x))
      return;
    auto kept = layouts::reshaped(x.dims(), op.result()->dims(), layouts::orderOf(x));
    require(op, 0, kept ? kept->operand : layouts::rowMajor(x.type.rank()));
    if (kept)
      layouts::setOrder(*op.result(), kept->result);
  }

  // A product that is only transposed is written such that the transposed value is row-major, if
  // its rows stay in one piece (heads of attention).
  void matMul(Op &op) {
    Op *user = onlyUser(op.result(), OpKind::Transpose);
    if (!user)
      return;
    const auto &perm = user->ints("perm");
    if (perm.back() == static_cast<int64_t>(perm.size()) - 1)
      layouts::setOrder(*op.result(),
                        layouts::beforeTranspose(layouts::rowMajor(perm.size()), perm));
  }

  void reduction(Op &op) {
    Order order = layouts::orderOf(*op.operand(0));
    if (!op.flag("keepdims"))
      order = layouts::withoutAxes(order, op.ints("axes"));
    layouts::setOrder(*op.result(), order);
  }

  Module &module_;
  Statistics &statistics_;
  std::map<std::tuple<Value *, Order, Block *>, Value *> reordered_;
};

} // namespace

Expected<void> chooseLayout(Module &module, PassContext &context) {
  if (context.target && !context.target->prefersChannelsLast())
    return {};
  for (const auto &function : module.functions())
    LayoutChooser(module, context.statistics).block(function->body);
  return {};
}

} // namespace edgecc
