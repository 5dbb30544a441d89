#include "passes/lower/quantized/ContractionOperands.h"

#include <algorithm>
#include <numeric>

namespace edgecc::quantized {

namespace {

int64_t tapsOf(const Dims &weights) {
  return numElements(Dims(weights.begin() + 2, weights.end()));
}

// The left operand, dequantised with one scale that may be known at run time only.
bool takeLeft(Contraction &in, const Value *operand) {
  const Op *dequantize = definedBy(operand, OpKind::DequantizeLinear);
  if (!dequantize || operand->type.dtype != DType::F32)
    return false;
  in.x = dequantize->operand(0);
  if (auto constant = quantizationOf(*dequantize)) {
    in.xq = *constant;
    return constant->perTensor() && isNarrow(constant->dtype);
  }
  Value *scale = dequantize->operand(1), *zero = dequantize->operand(2);
  if (!isNarrow(in.x->type.dtype) || dequantize->integer("block_size") != 0 ||
      scale->type.elements() != 1 || scale->type.dtype != DType::F32)
    return false;
  in.xq = {in.x->type.dtype, {1}, {0}, 0};
  in.runTimeScale = scale;
  if (const Tensor *content = constantOf(zero)) {
    in.xq.zeroPoints = {static_cast<int32_t>(content->asInt(0))};
  } else if (zero) {
    in.runTimeZeroPoint = zero;
    in.xq.zeroPoints = {in.xq.range().low};
  }
  return true;
}

// Which axis of the weights the channels of the result lie along.
int64_t columnAxis(const Op &op, const Value &w) {
  switch (op.kind()) {
  case OpKind::Conv:
    return 0;
  case OpKind::ConvTranspose:
    return 1;
  case OpKind::Gemm:
    return op.flag("transB") ? 0 : 1;
  default:
    return static_cast<int64_t>(w.type.rank()) - 1;
  }
}

Value *slice(Builder &builder, Value *value, size_t axis, int64_t from, int64_t to) {
  Dims sizes = value->dims(), starts(sizes.size(), 0);
  if (from == 0 && to == sizes[axis])
    return value;
  sizes[axis] = to - from;
  starts[axis] = from;
  const Tensor *content = constantOf(value);
  if (!content)
    return builder.create(OpKind::Slice, {value},
                          {{"starts", starts}, {"sizes", sizes}, {"steps", Dims(sizes.size(), 1)}});
  Tensor part(content->dtype(), sizes);
  int64_t inner =
      numElements(Dims(sizes.begin() + static_cast<std::ptrdiff_t>(axis) + 1, sizes.end()));
  int64_t run = (to - from) * inner, pitch = value->dims()[axis] * inner;
  for (int64_t i = 0; i < part.elements(); ++i)
    part.setDouble(i, content->asDouble(i / run * pitch + from * inner + i % run));
  return builder.constant(std::move(part), value->definingOp()->parameter->name);
}

Value *transposed(Builder &builder, Value *matrix) {
  const Tensor *content = constantOf(matrix);
  if (!content)
    return builder.create(OpKind::Transpose, {matrix}, {{"perm", Dims{1, 0}}});
  int64_t rows = matrix->dims()[0], columns = matrix->dims()[1];
  Tensor out(content->dtype(), {columns, rows});
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      out.setDouble(c * rows + r, content->asDouble(r * columns + c));
  return builder.constant(std::move(out), matrix->definingOp()->parameter->name);
}

} // namespace

std::optional<Contraction> Contraction::of(const Op &op) {
  Contraction in;
  in.op = &op;
  auto wq = dequantizedFrom(op.operand(1));
  if (!wq || wq->dtype == DType::I32 || op.result()->type.dtype != DType::F32 ||
      !takeLeft(in, op.operand(0)))
    return std::nullopt;
  in.w = op.operand(1)->definingOp()->operand(0);
  in.wq = *wq;
  in.weights = constantOf(in.w);
  if (isSubByte(wq->dtype) && !in.weights)
    return std::nullopt;
  const Dims &w = in.w->dims();
  int64_t axis = columnAxis(op, *in.w), groups = 1;
  in.channels = w[static_cast<size_t>(axis)];
  in.channelAxis = 1;
  switch (op.kind()) {
  case OpKind::Conv:
    in.depth = w[1];
    in.taps = tapsOf(w);
    break;
  case OpKind::ConvTranspose:
    groups = op.integer("group");
    in.depth = w[0] / groups;
    in.taps = tapsOf(w);
    in.channels *= groups;
    break;
  case OpKind::Gemm:
    in.alpha = op.real("alpha");
    in.beta = op.real("beta");
    in.depth = w[op.flag("transB") ? 1 : 0];
    break;
  default:
    in.depth = w[w.size() - 2];
    in.channelAxis = static_cast<int64_t>(op.result()->type.rank()) - 1;
  }
  if (op.kind() != OpKind::MatMul)
    in.bias = op.operand(2);
  if (in.channels == 0 || in.depth == 0 || (!in.wq.perTensor() && in.wq.axis != axis) ||
      in.alpha == 0)
    return std::nullopt;
  if (op.kind() == OpKind::ConvTranspose) {
    // Scales along M / group repeat for each group; zero points are scalars in the integer op.
    if (!std::ranges::all_of(in.wq.zeroPoints,
                             [&](int32_t z) { return z == in.wq.zeroPoints.front(); }))
      return std::nullopt;
    if (!in.wq.perTensor())
      for (size_t n = in.wq.scales.size(), i = n; i < static_cast<size_t>(in.channels); ++i) {
        in.wq.scales.push_back(in.wq.scales[i - n]);
        in.wq.zeroPoints.push_back(in.wq.zeroPoints[0]);
      }
  }
  return in;
}

std::pair<int64_t, int64_t> Contraction::rolesOf(int64_t i) const {
  const Dims &dims = w->dims();
  switch (op->kind()) {
  case OpKind::Conv:
    return {i / (depth * taps), i / taps % depth};
  case OpKind::ConvTranspose: {
    int64_t row = i / (dims[1] * taps);
    return {row / depth * dims[1] + i / taps % dims[1], row % depth};
  }
  case OpKind::Gemm:
    if (op->flag("transB"))
      return {i / depth, i % depth};
    [[fallthrough]];
  default:
    return {i % channels, i / channels % depth};
  }
}

std::vector<int64_t> Contraction::weightSums(int64_t from, int64_t to) const {
  std::vector<int64_t> sums(static_cast<size_t>(channels), 0);
  if (!weights) {
    for (size_t c = 0; c < sums.size(); ++c)
      sums[c] = (to - from) * taps * wq.reach(c);
    return sums;
  }
  // Of a batch of matrices, each is a sum of its own.
  int64_t matrix = depth * taps * channels;
  std::vector<int64_t> most = sums;
  for (int64_t i = 0; i < weights->elements(); ++i) {
    auto [channel, input] = rolesOf(i);
    auto c = static_cast<size_t>(channel);
    if (input >= from && input < to)
      sums[c] += std::abs(weights->asInt(i) - wq.zeroPoint(c));
    if ((i + 1) % matrix == 0) {
      std::ranges::transform(most, sums, most.begin(),
                             [](int64_t a, int64_t b) { return std::max(a, b); });
      std::ranges::fill(sums, 0);
    }
  }
  return most;
}

std::vector<int64_t> Contraction::signedWeightSums() const {
  std::vector<int64_t> sums(static_cast<size_t>(channels), 0);
  for (int64_t i = 0; i < weights->elements(); ++i) {
    auto c = static_cast<size_t>(rolesOf(i).first);
    sums[c] += weights->asInt(i) - wq.zeroPoint(c);
  }
  return sums;
}

bool Contraction::hasPadding() const {
  switch (op->kind()) {
  case OpKind::Conv:
    return std::ranges::any_of(op->ints("pads"), [](int64_t pad) { return pad > 0; });
  case OpKind::ConvTranspose:
    return true; // the first and last results take part of the taps only
  default:
    return w->type.rank() > 2; // sums would differ among the matrices
  }
}

bool Contraction::isSplittable() const {
  bool isConvolution = op->kind() == OpKind::Conv || op->kind() == OpKind::ConvTranspose;
  return depth > 1 && (!isConvolution || (op->integer("group") == 1 && weights));
}

Value *Contraction::product(Builder &builder, int64_t from, int64_t to, Value *xZero, Value *wZero,
                            Value *b) const {
  size_t wAxis = op->kind() == OpKind::Conv ? 1 : 0, xAxis = 1;
  if (op->kind() == OpKind::Conv || op->kind() == OpKind::ConvTranspose) {
    bool whole = from == 0 && to == depth;
    return builder.create(op->kind(),
                          {whole ? x : slice(builder, x, xAxis, from, to),
                           whole ? w : slice(builder, w, wAxis, from, to), b, xZero, wZero},
                          op->attributes());
  }
  bool isGemm = op->kind() == OpKind::Gemm;
  Value *left = isGemm && op->flag("transA") ? transposed(builder, x) : x;
  Value *right = isGemm && op->flag("transB") ? transposed(builder, w) : w;
  left = slice(builder, left, left->type.rank() - 1, from, to);
  right = slice(builder, right, right->type.rank() - 2, from, to);
  Value *sum = builder.create(OpKind::MatMul, {left, right, xZero, wZero});
  return b ? builder.create(OpKind::Add, {sum, b}) : sum;
}

} // namespace edgecc::quantized
