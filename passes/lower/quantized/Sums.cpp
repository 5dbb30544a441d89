// Sums and means of integers.
//   sum (x - zx) sx = (sum x - n zx) sx
// AveragePool is a depthwise convolution with weights of 1; where windows count different numbers
// of elements, the factor 1 / count is an operand.
#include "passes/lower/quantized/Quantized.h"

#include <algorithm>

namespace edgecc::quantized {

namespace {

// The integer behind a dequantised operand with one scale.
struct Source {
  Value *x;
  Quantization q;
};

std::optional<Source> sourceOf(const Op &op) {
  auto q = dequantizedFrom(op.operand(0));
  if (!q || !q->perTensor() || !isNarrow(q->dtype))
    return std::nullopt;
  Value *x = op.operand(0)->definingOp()->operand(0);
  if (constantOf(x))
    return std::nullopt;
  return Source{x, *q};
}

bool fitsI32(const Quantization &q, int64_t count) {
  int64_t largest = std::max<int64_t>(q.reach(0), int64_t{1} << bitWidth(q.dtype));
  return count < (int64_t{1} << 31) / largest;
}

Value *reduced(Builder &builder, const Op &op, const Source &from) {
  int64_t count = 1;
  for (int64_t axis : op.ints("axes"))
    count *= from.x->dims()[static_cast<size_t>(axis)];
  if (count == 0 || !fitsI32(from.q, count))
    return nullptr;
  Value *sum = builder.create(
      OpKind::ReduceSum, {from.x},
      {{"axes", op.ints("axes")}, {"keepdims", op.flag("keepdims")}, {"widen", true}});
  if (int64_t zero = from.q.zeroPoint(0); zero != 0)
    sum = builder.create(OpKind::Add,
                         {sum, builder.scalar(DType::I32, static_cast<double>(-count * zero))});
  double n = op.kind() == OpKind::ReduceMean ? static_cast<double>(count) : 1;
  return dequantize(builder, sum, {static_cast<float>(double{from.q.scale(0)} / n)}, 0);
}

// How many elements each window along one spatial axis counts.
Dims countsAlong(const Op &pool, size_t axis) {
  size_t spatial = pool.ints("kernel").size();
  int64_t in = pool.operand(0)->dims()[axis + 2], low = pool.ints("pads")[axis];
  int64_t high = pool.ints("pads")[axis + spatial];
  if (!pool.flag("count_include_pad"))
    low = high = 0;
  Dims counts;
  for (int64_t o = 0; o < pool.result()->dims()[axis + 2]; ++o) {
    int64_t count = 0;
    for (int64_t k = 0; k < pool.ints("kernel")[axis]; ++k) {
      int64_t at = o * pool.ints("strides")[axis] + k * pool.ints("dilations")[axis] -
                   pool.ints("pads")[axis];
      count += at >= -low && at < in + high ? 1 : 0;
    }
    counts.push_back(count);
  }
  return counts;
}

// For each window sx / count; one element if all windows count alike.
Tensor factorsOf(const Op &pool, double scale) {
  size_t spatial = pool.ints("kernel").size();
  std::vector<double> counts{1};
  Dims dims(2, 1);
  for (size_t axis = 0; axis < spatial; ++axis) {
    std::vector<double> next;
    Dims along = countsAlong(pool, axis);
    for (double outer : counts)
      for (int64_t count : along)
        next.push_back(outer * static_cast<double>(count));
    counts = std::move(next);
    dims.push_back(static_cast<int64_t>(along.size()));
  }
  if (std::ranges::all_of(counts, [&](double c) { return c == counts.front(); })) {
    counts.resize(1);
    dims.clear();
  }
  Tensor factors(DType::F32, dims);
  for (size_t i = 0; i < counts.size(); ++i)
    factors.setDouble(static_cast<int64_t>(i), counts[i] == 0 ? 0 : scale / counts[i]);
  return factors;
}

Value *pooled(Builder &builder, const Op &pool, const Source &from) {
  const auto &kernel = pool.ints("kernel"), &strides = pool.ints("strides");
  const auto &dilations = pool.ints("dilations");
  int64_t channels = from.x->dims()[1];
  Dims weights{channels, 1}, pads = pool.ints("pads");
  size_t spatial = kernel.size();
  for (size_t i = 0; i < spatial; ++i) {
    weights.push_back(kernel[i]);
    // The last window may reach beyond the padding (ceil_mode), or end before it.
    pads[i + spatial] = (pool.result()->dims()[i + 2] - 1) * strides[i] +
                        (kernel[i] - 1) * dilations[i] + 1 - from.x->dims()[i + 2] - pads[i];
  }
  if (numElements(weights) == 0 || pool.result()->type.elements() == 0 ||
      !fitsI32(from.q, numElements(weights) / channels))
    return nullptr;
  Tensor ones(DType::I8, weights);
  std::ranges::fill(ones.mutableData<int8_t>(), int8_t{1});
  auto conv = builder.tryCreate(
      OpKind::Conv,
      {from.x, builder.constant(std::move(ones), "ones"), nullptr,
       zeroPointOperand(builder, from.q)},
      {{"strides", strides}, {"dilations", dilations}, {"pads", pads}, {"group", channels}});
  if (!conv)
    return nullptr;
  Value *sum = (*conv)->result();
  Tensor factors = factorsOf(pool, double{from.q.scale(0)});
  if (factors.elements() == 1)
    return dequantize(builder, sum, {static_cast<float>(factors.asDouble(0))}, 0);
  Value *real = builder.create(OpKind::Cast, {sum}, {{"to", DType::F32}});
  return builder.create(OpKind::Mul, {real, builder.constant(std::move(factors), "factors")});
}

// Resize to reals: sum weight (x - zx) sx = (sum weight x - zx) sx.
Value *interpolated(Builder &builder, const Op &op, const Source &from) {
  Attributes attributes = op.attributes();
  attributes["real"] = true;
  Value *y = builder.create(OpKind::Resize, {from.x}, attributes);
  if (int64_t zero = from.q.zeroPoint(0); zero != 0)
    y = builder.create(OpKind::Sub, {y, builder.scalar(DType::F32, static_cast<double>(zero))});
  return builder.create(OpKind::Mul, {y, builder.scalar(DType::F32, double{from.q.scale(0)})});
}

template <class Make> bool replaced(Module &module, Op *op, const Make &make) {
  auto from = sourceOf(*op);
  if (!from || op->result()->type.dtype != DType::F32)
    return false;
  Builder builder(module);
  builder.setInsertionBefore(op);
  builder.location = op->location;
  Value *y = make(builder, *op, *from);
  if (!y)
    return false;
  y->provenance = op->result()->provenance;
  op->result()->replaceAllUsesWith(y);
  eraseWithDeadOperands(op);
  return true;
}

} // namespace

int64_t lowerSums(Module &module, Block &block) {
  int64_t lowered = 0;
  for (Op *op : block.snapshot())
    if (op->kind() == OpKind::ReduceMean || op->kind() == OpKind::ReduceSum)
      lowered += replaced(module, op, reduced) ? 1 : 0;
    else if (op->kind() == OpKind::AveragePool)
      lowered += replaced(module, op, pooled) ? 1 : 0;
  return lowered;
}

int64_t lowerInterpolations(Module &module, Block &block) {
  int64_t lowered = 0;
  for (Op *op : block.snapshot())
    if (op->kind() == OpKind::Resize && op->text("mode") != "nearest" &&
        op->text("coordinate_mode") != "tf_crop_and_resize")
      lowered += replaced(module, op, interpolated) ? 1 : 0;
  return lowered;
}

} // namespace edgecc::quantized
