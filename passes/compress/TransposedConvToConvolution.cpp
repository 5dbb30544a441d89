// ConvTranspose of stride s = convolution of stride 1 with the mirrored kernel, over x with s - 1
// zeros between its elements. What engines do that have no transposed convolution; most of the
// products are with zeros, so where it is legal transposed-conv-to-pixel-shuffle is s^2 times
// cheaper.
//
//   y[o] = sum over i s + j d = o + p of x[i] w[j] = sum_j z[o + p - j d] w[j],  z[i s] = x[i]
//
// with j mirrored: a convolution whose low padding is (k - 1) d - p. Dumoulin and Visin, "A guide
// to convolution arithmetic for deep learning", 2016, section 4.
#include "passes/Rewrite.h"
#include "passes/compress/Passes.h"

namespace edgecc {

namespace {

class Rewriter {
public:
  Rewriter(Module &module, Op &op)
      : op_(op), builder_(module), spatial_(op.ints("strides").size()) {
    builder_.location = op.location;
    builder_.setInsertionBefore(&op);
  }

  void rewrite() {
    std::vector<Value *> operands{withZeros(op_.operand(0)),
                                  builder_.constant(mirrored(), "mirrored")};
    if (op_.operand(2))
      operands.push_back(op_.operand(2));
    std::vector<int64_t> pads(2 * spatial_);
    for (size_t i = 0; i < spatial_; ++i) {
      int64_t reach = (op_.operand(1)->dims()[i + 2] - 1) * op_.ints("dilations")[i];
      int64_t extent = operands[0]->dims()[i + 2];
      pads[i] = reach - op_.ints("pads")[i];
      pads[spatial_ + i] = op_.result()->dims()[i + 2] + reach - extent - pads[i];
    }
    Op *conv = builder_.createOp(OpKind::Conv, operands,
                                 {{"dilations", op_.ints("dilations")},
                                  {"group", op_.integer("group")},
                                  {"pads", pads},
                                  {"strides", std::vector<int64_t>(spatial_, 1)}});
    replaceOp(&op_, conv->result());
  }

private:
  // [N, C, in...] -> [N, C, in * stride...]: each element is followed by stride - 1 zeros.
  Value *withZeros(Value *x) {
    Dims split{x->dims()[0], x->dims()[1]}, merged = split;
    std::vector<int64_t> pads(2 * (2 + 2 * spatial_), 0);
    for (size_t i = 0; i < spatial_; ++i) {
      int64_t stride = op_.ints("strides")[i];
      split.insert(split.end(), {x->dims()[i + 2], 1});
      merged.push_back(x->dims()[i + 2] * stride);
      pads[pads.size() / 2 + 3 + 2 * i] = stride - 1;
    }
    if (merged == x->dims())
      return x;
    x = builder_.create(OpKind::Reshape, {x}, {{"shape", split}});
    x = builder_.create(OpKind::Pad, {x}, {{"pads", pads}});
    return builder_.create(OpKind::Reshape, {x}, {{"shape", merged}});
  }

  // [C, M / group, k...] -> [M, C / group, k...] with every spatial axis reversed.
  Tensor mirrored() const {
    const Tensor &w = *constantOf(op_.operand(1));
    int64_t group = op_.integer("group"), inputs = w.dims()[0] / group, outputs = w.dims()[1];
    Dims dims = w.dims();
    dims[0] = outputs * group;
    dims[1] = inputs;
    int64_t taps = w.elements() / (w.dims()[0] * outputs);
    Tensor out(w.dtype(), dims);
    for (int64_t g = 0; g < group; ++g)
      for (int64_t m = 0; m < outputs; ++m)
        for (int64_t c = 0; c < inputs; ++c)
          for (int64_t tap = 0; tap < taps; ++tap)
            out.setDouble(((g * outputs + m) * inputs + c) * taps + taps - 1 - tap,
                          w.asDouble(((g * inputs + c) * outputs + m) * taps + tap));
    return out;
  }

  Op &op_;
  Builder builder_;
  size_t spatial_;
};

} // namespace

Expected<void> transposedConvToConvolution(Module &module, PassContext &context) {
  for (const auto &function : module.functions())
    forEachBlock(function->body, [&](Block &block) {
      for (Op *op : block.snapshot()) {
        if (op->kind() != OpKind::ConvTranspose || !constantOf(op->operand(1)) ||
            !isFloat(op->operand(1)->type.dtype) || !op->operand(0)->type.isStatic() ||
            op->ints("strides").size() > 3)
          continue;
        Rewriter(module, *op).rewrite();
        context.statistics.add("transposed convolutions over inserted zeros");
      }
    });
  module.eraseUnusedParameters();
  return {};
}

} // namespace edgecc
