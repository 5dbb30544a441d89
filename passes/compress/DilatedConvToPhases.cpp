// A convolution of dilation d as one of dilation 1. Rows and columns d apart belong together and
// form d x d phases, smaller images that the dilated windows never leave; laid side by side they
// are one image, over which a plain convolution runs. Where its windows cross from one phase to the
// next the results mean nothing and are dropped.
//
//   y[i + d j] = sum_k x[i + d (j + k) - p] w[k] = sum_k z_i[j + k] w[k],  z_i[j] = x[i + d j - p]
//
// For one dense set of windows; phases as batches: Chen et al., "Rethinking atrous convolution for
// semantic image segmentation", 2017. Side by side, weights pass once.
#include "passes/Rewrite.h"
#include "passes/compress/Passes.h"

#include <algorithm>

namespace edgecc {

namespace {

bool isTaken(const Op &op) {
  if (op.kind() != OpKind::Conv || !op.operand(0)->type.isStatic() ||
      op.operand(0)->dims().size() != 4 || op.integer("group") != 1)
    return false;
  const auto &dilations = op.ints("dilations"), &strides = op.ints("strides"),
             &pads = op.ints("pads");
  const Dims &w = op.operand(1)->dims();
  bool isDilated = (dilations[0] > 1 && w[2] > 1) || (dilations[1] > 1 && w[3] > 1);
  return isDilated && strides[0] == 1 && strides[1] == 1 &&
         std::ranges::all_of(pads, [](int64_t pad) { return pad >= 0; });
}

class Rewriter {
public:
  Rewriter(Module &module, Op &op) : op_(op), builder_(module) {
    builder_.location = op.location;
    builder_.setInsertionBefore(&op);
  }

  void rewrite() {
    const Dims &x = op_.operand(0)->dims(), &y = op_.result()->dims(), &w = op_.operand(1)->dims();
    const auto &p = op_.ints("pads");
    std::vector<int64_t> d = op_.ints("dilations"), length(2); // of a phase
    std::vector<int64_t> pads(8, 0), rest(8, 0);
    for (size_t i = 0; i < 2; ++i) {
      d[i] = w[i + 2] > 1 ? d[i] : 1; // a single tap has no dilation
      int64_t padded = x[i + 2] + p[i] + p[i + 2];
      length[i] = (padded + d[i] - 1) / d[i];
      pads[i + 2] = p[i];
      pads[i + 6] = length[i] * d[i] - x[i + 2] - p[i];
      rest[i + 6] = w[i + 2] - 1; // of the last phase
    }
    Value *z = create(OpKind::Pad, {op_.operand(0)}, {{"pads", pads}});
    z = reshape(z, {x[0], x[1], length[0], d[0], length[1], d[1]});
    z = create(OpKind::Transpose, {z}, {{"perm", std::vector<int64_t>{0, 1, 3, 2, 5, 4}}});
    z = reshape(z, {x[0], x[1], d[0] * length[0], d[1] * length[1]});
    std::vector<Value *> operands{z, op_.operand(1)};
    if (op_.operand(2))
      operands.push_back(op_.operand(2));
    z = builder_
            .createOp(OpKind::Conv, operands,
                      {{"dilations", std::vector<int64_t>{1, 1}},
                       {"group", int64_t{1}},
                       {"pads", std::vector<int64_t>(4, 0)},
                       {"strides", std::vector<int64_t>{1, 1}}})
            ->result();
    z = create(OpKind::Pad, {z}, {{"pads", rest}});
    z = reshape(z, {y[0], y[1], d[0], length[0], d[1], length[1]});
    z = create(OpKind::Transpose, {z}, {{"perm", std::vector<int64_t>{0, 1, 3, 2, 5, 4}}});
    z = reshape(z, {y[0], y[1], d[0] * length[0], d[1] * length[1]});
    z = create(OpKind::Slice, {z},
               {{"starts", std::vector<int64_t>(4, 0)},
                {"sizes", std::vector<int64_t>(y.begin(), y.end())},
                {"steps", std::vector<int64_t>(4, 1)}});
    replaceOp(&op_, z);
  }

private:
  Value *create(OpKind kind, std::initializer_list<Value *> operands, Attributes attributes) {
    return builder_.create(kind, operands, std::move(attributes));
  }
  Value *reshape(Value *x, std::vector<int64_t> shape) {
    return create(OpKind::Reshape, {x}, {{"shape", std::move(shape)}});
  }

  Op &op_;
  Builder builder_;
};

} // namespace

Expected<void> dilatedConvToPhases(Module &module, PassContext &context) {
  for (const auto &function : module.functions())
    forEachBlock(function->body, [&](Block &block) {
      for (Op *op : block.snapshot()) {
        if (!isTaken(*op))
          continue;
        Rewriter(module, *op).rewrite();
        context.statistics.add("dilated convolutions over phases");
      }
    });
  return {};
}

} // namespace edgecc
