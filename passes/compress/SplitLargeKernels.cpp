// A convolution with a large kernel is the sum of convolutions with its parts:
//
//   y[o] = sum_j x[s o + d j - p] w[j] = sum over parts of sum_j' x[s o + d j' - (p - d j0)] w[j0 +
//   j']
//
// where the part of the kernel that begins at j0 reads x with padding p - d j0, which may be
// negative: it then skips elements. For machines whose convolution engine bounds the kernel.
#include "passes/Rewrite.h"
#include "passes/compress/Passes.h"

#include <algorithm>

namespace edgecc {

namespace {

// The part of one spatial axis of the kernel, and what of x it reads.
struct Part {
  int64_t first, taps;     // of the kernel
  int64_t start, size;     // of x
  int64_t padLow, padHigh; // around that
};

std::vector<Part> partsOf(const Op &op, size_t axis, int64_t most) {
  int64_t kernel = op.operand(1)->dims()[axis + 2], in = op.operand(0)->dims()[axis + 2];
  int64_t out = op.result()->dims()[axis + 2];
  int64_t stride = op.ints("strides")[axis], dilation = op.ints("dilations")[axis];
  int64_t count = (kernel + most - 1) / most;
  std::vector<Part> parts;
  for (int64_t i = 0; i < count; ++i) {
    int64_t first = kernel * i / count, taps = kernel * (i + 1) / count - first;
    // x[begin] ... x[end - 1] are read, some of which lie outside.
    int64_t begin = dilation * first - op.ints("pads")[axis];
    int64_t end = begin + (out - 1) * stride + (taps - 1) * dilation + 1;
    int64_t start = std::clamp<int64_t>(begin, 0, in), stop = std::clamp<int64_t>(end, start, in);
    parts.push_back({first, taps, start, stop - start, start - begin, end - stop});
  }
  return parts;
}

// One convolution with the kernel's part (parts[i] of each spatial axis i).
class Splitter {
public:
  Splitter(Module &module, Op &op, int64_t most) : op_(op), builder_(module) {
    builder_.location = op.location;
    builder_.setInsertionBefore(&op);
    for (size_t i = 0; i + 2 < op.operand(0)->dims().size(); ++i)
      parts_.push_back(partsOf(op, i, most));
  }

  int64_t run() {
    Value *sum = nullptr;
    std::vector<size_t> at(parts_.size(), 0);
    int64_t count = 0;
    for (bool more = true; more; more = next(at)) {
      std::vector<const Part *> parts;
      for (size_t i = 0; i < at.size(); ++i)
        parts.push_back(&parts_[i][at[i]]);
      if (std::ranges::any_of(parts, [](const Part *part) { return part->size == 0; }))
        continue; // reads padding alone
      Value *product = convolution(parts, !sum);
      sum = sum ? builder_.create(OpKind::Add, {sum, product}) : product;
      ++count;
    }
    if (sum) // else all of them read padding alone
      replaceOp(&op_, sum);
    return count;
  }

private:
  bool next(std::vector<size_t> &at) const {
    for (size_t i = at.size(); i-- > 0;) {
      if (++at[i] < parts_[i].size())
        return true;
      at[i] = 0;
    }
    return false;
  }

  Value *convolution(const std::vector<const Part *> &parts, bool withBias) {
    std::vector<int64_t> starts{0, 0}, low, high;
    Dims sizes{op_.operand(0)->dims()[0], op_.operand(0)->dims()[1]};
    for (const Part *part : parts) {
      starts.push_back(part->start);
      sizes.push_back(part->size);
      low.push_back(part->padLow);
      high.push_back(part->padHigh);
    }
    low.insert(low.end(), high.begin(), high.end());
    Value *x = op_.operand(0);
    if (sizes != x->dims())
      x = builder_.create(OpKind::Slice, {x},
                          {{"starts", starts},
                           {"sizes", sizes},
                           {"steps", std::vector<int64_t>(starts.size(), 1)}});
    std::vector<Value *> operands{x, builder_.constant(kernelPart(parts), "part")};
    if (withBias && op_.operand(2))
      operands.push_back(op_.operand(2));
    Attributes attributes = op_.attributes();
    attributes["pads"] = low;
    return builder_.createOp(OpKind::Conv, operands, attributes)->result();
  }

  Tensor kernelPart(const std::vector<const Part *> &parts) const {
    const Tensor &w = *constantOf(op_.operand(1));
    Dims dims{w.dims()[0], w.dims()[1]};
    for (const Part *part : parts)
      dims.push_back(part->taps);
    Tensor out(w.dtype(), dims);
    for (int64_t i = 0; i < out.elements(); ++i) {
      int64_t rest = i, from = 0, scale = 1;
      for (size_t axis = dims.size(); axis-- > 0;) {
        int64_t index = rest % dims[axis];
        rest /= dims[axis];
        if (axis >= 2)
          index += parts[axis - 2]->first;
        from += index * scale;
        scale *= w.dims()[axis];
      }
      out.setDouble(i, w.asDouble(from));
    }
    return out;
  }

  Op &op_;
  Builder builder_;
  std::vector<std::vector<Part>> parts_;
};

bool hasLargeKernel(const Op &op, int64_t most) {
  const Dims &w = op.operand(1)->dims();
  return std::any_of(w.begin() + 2, w.end(), [&](int64_t extent) { return extent > most; });
}

std::string whyNot(const Op &op) {
  if (!op.operand(0)->type.isStatic())
    return "its extents depend on data";
  if (!constantOf(op.operand(1)) || !isFloat(op.operand(1)->type.dtype))
    return "its weights are not constant floating-point numbers";
  return "";
}

} // namespace

Expected<void> splitLargeKernels(Module &module, PassContext &context) {
  int64_t most = context.options.integer("max-kernel");
  if (most < 1)
    return error("max-kernel is at least 1", "split-large-kernels");
  for (const auto &function : module.functions())
    forEachBlock(function->body, [&](Block &block) {
      for (Op *op : block.snapshot()) {
        if (op->kind() != OpKind::Conv || !hasLargeKernel(*op, most))
          continue;
        if (std::string why = whyNot(*op); !why.empty()) {
          if (context.compression)
            context.compression->notes.push_back(
                {"split-large-kernels", nameOfLayer(*op), "kept whole: " + why});
          continue;
        }
        context.statistics.add("parts of large kernels", Splitter(module, *op, most).run());
      }
    });
  module.eraseUnusedParameters();
  return {};
}

} // namespace edgecc
