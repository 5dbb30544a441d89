// Convolutions and matrix products on integers:
//   sum (x - zx) sx * (w - zw) sw + b = (sum (x - zx) (w - zw) + b / (sx sw)) * (sx sw)
// Accumulators are i32 where sum |w - zw| * max |x - zx| + |b / (sx sw)| < 2^31 is proved. Where it
// is not, the channels are split into parts for which it is; the parts are added in i64.
#include "passes/lower/quantized/ContractionOperands.h"

#include <algorithm>
#include <cmath>

namespace edgecc::quantized {

namespace {

// The bias in units of the accumulator, if it is constant along the channels and fits in i32.
// Empty: there is none.
std::optional<std::vector<int64_t>> integerBias(const Contraction &in) {
  if (!in.bias)
    return std::vector<int64_t>();
  auto bq = dequantizedFrom(in.bias);
  const Tensor *content = constantOf(bq ? in.bias->definingOp()->operand(0) : in.bias);
  if (!content || in.runTimeScale || (bq && bq->dtype != DType::I32 && !bq->perTensor()) ||
      (content->elements() != 1 &&
       (content->elements() != in.channels || content->dims().back() != in.channels)))
    return std::nullopt;
  std::vector<int64_t> bias;
  for (int64_t c = 0; c < in.channels; ++c) {
    auto at = static_cast<size_t>(c);
    int64_t i = content->elements() == 1 ? 0 : c;
    double real = bq ? (content->asDouble(i) - bq->zeroPoint(at)) * double{bq->scale(at)}
                     : content->asDouble(i);
    double units = std::nearbyint(real * in.beta / in.accumulatorScale(c));
    if (!(std::abs(units) < 0x1p31))
      return std::nullopt;
    bias.push_back(static_cast<int64_t>(units));
  }
  return bias;
}

// Whether every accumulator of the channels [from, to) of the reduction fits in i32.
bool fitsI32(const Contraction &in, const std::vector<int64_t> &bias, int64_t from, int64_t to) {
  std::vector<int64_t> sums = in.weightSums(from, to);
  for (size_t c = 0; c < sums.size(); ++c) {
    int64_t added = c < bias.size() ? std::abs(bias[c]) : 0;
    if (sums[c] >= int64_t{1} << 31 || sums[c] * in.xq.reach(0) + added >= int64_t{1} << 31)
      return false;
  }
  return true;
}

// The fewest equal ranges of the reduction's channels that fit; 0: none do.
int64_t partsFor(const Contraction &in, const std::vector<int64_t> &bias) {
  if (fitsI32(in, bias, 0, in.depth))
    return 1;
  if (!in.isSplittable())
    return 0;
  constexpr int64_t kMostParts = 8;
  for (int64_t parts = 2; parts <= std::min(in.depth, kMostParts); ++parts) {
    bool fits = true;
    for (int64_t i = 0; i < parts && fits; ++i)
      fits = fitsI32(in, {}, in.depth * i / parts, in.depth * (i + 1) / parts);
    if (fits)
      return parts;
  }
  return 0;
}

Value *i32Constant(Builder &builder, const std::vector<int64_t> &values, std::string_view name) {
  return builder.constant(vectorOf(DType::I32, values), name);
}

Value *alongChannels(Builder &builder, const Contraction &in, Value *perChannel) {
  Dims shape(in.op->result()->type.rank() - static_cast<size_t>(in.channelAxis), 1);
  shape[0] = perChannel->type.elements();
  return builder.create(OpKind::Reshape, {perChannel}, {{"shape", shape}});
}

// The zero point of x, known at run time only, times the sum of each channel's weights, which are
// constant: exact wherever every tap of every window lies inside x.
Value *zeroPointTerm(Builder &builder, const Contraction &in) {
  std::vector<int64_t> sums = in.signedWeightSums();
  Tensor content = vectorOf(DType::I32, sums);
  Dims shape(in.op->result()->type.rank() - static_cast<size_t>(in.channelAxis), 1);
  shape[0] = in.channels;
  Value *zero = builder.create(OpKind::Cast, {in.runTimeZeroPoint}, {{"to", DType::I32}});
  return builder.create(OpKind::Mul,
                        {zero, builder.constant(content.reshaped(shape), "weight_sums")});
}

// One integer op, or several over parts of the channels.
Value *integerProduct(Builder &builder, Contraction &in, const std::vector<int64_t> &bias,
                      int64_t parts) {
  bool hasBias = std::ranges::any_of(bias, [](int64_t b) { return b != 0; });
  bool subtracts = in.runTimeZeroPoint && in.weights && !in.hasPadding();
  Value *zx = subtracts             ? nullptr
              : in.runTimeZeroPoint ? in.runTimeZeroPoint
                                    : zeroPointOperand(builder, in.xq);
  Value *zw = zeroPointOperand(builder, in.wq);
  Value *sum = nullptr;
  for (int64_t i = 0; i < parts; ++i) {
    int64_t from = in.depth * i / parts, to = in.depth * (i + 1) / parts;
    Value *part = in.product(builder, from, to, zx, zw,
                             hasBias && parts == 1 ? i32Constant(builder, bias, "bias") : nullptr);
    if (parts > 1)
      part = builder.create(OpKind::Cast, {part}, {{"to", DType::I64}});
    sum = sum ? builder.create(OpKind::Add, {sum, part}) : part;
  }
  if (subtracts)
    sum = builder.create(OpKind::Sub, {sum, zeroPointTerm(builder, in)});
  if (hasBias && parts > 1) {
    Value *b = builder.constant(vectorOf(DType::I64, bias), "bias");
    sum = builder.create(OpKind::Add, {sum, alongChannels(builder, in, b)});
  }
  return sum;
}

// The accumulator as a real number.
Value *realOf(Builder &builder, const Contraction &in, Value *accumulator) {
  bool perTensor = in.wq.perTensor();
  std::vector<float> scales;
  for (int64_t c = 0; c < (perTensor ? 1 : in.channels); ++c)
    scales.push_back(static_cast<float>(in.accumulatorScale(c)));
  if (accumulator->type.dtype == DType::I64) {
    // Rounded to f32 once, like an i32 accumulator.
    Value *real = builder.create(OpKind::Cast, {accumulator}, {{"to", DType::F32}});
    Value *scale = builder.constant(vectorOf(DType::F32, scales), "scale");
    return builder.create(OpKind::Mul, {real, alongChannels(builder, in, scale)});
  }
  if (!in.runTimeScale)
    return dequantize(builder, accumulator, scales, in.channelAxis);
  Value *real = dequantize(builder, accumulator, scales, in.channelAxis);
  return builder.create(OpKind::Mul, {real, in.runTimeScale});
}

// The bias that is not part of the accumulator.
Value *plusRealBias(Builder &builder, const Contraction &in, Value *real) {
  Value *bias = in.bias;
  if (in.beta != 1)
    bias = builder.create(OpKind::Mul, {bias, builder.scalar(DType::F32, in.beta)});
  if (in.op->kind() != OpKind::Gemm)
    bias = alongChannels(builder, in, bias);
  return builder.create(OpKind::Add, {real, bias});
}

bool lower(Module &module, Op *op) {
  Builder builder(module);
  builder.setInsertionBefore(op);
  builder.location = op->location;
  auto in = Contraction::of(*op);
  if (!in)
    return false;
  auto bias = integerBias(*in);
  int64_t parts = partsFor(*in, bias.value_or(std::vector<int64_t>()));
  if (parts == 0 && bias && !bias->empty()) { // without the bias
    bias.reset();
    parts = partsFor(*in, {});
  }
  if (parts == 0 || (parts > 1 && in->runTimeScale))
    return false;
  Value *real = realOf(builder, *in,
                       integerProduct(builder, *in, bias.value_or(std::vector<int64_t>()), parts));
  if (!bias)
    real = plusRealBias(builder, *in, real);
  real->provenance = op->result()->provenance;
  op->result()->replaceAllUsesWith(real);
  eraseWithDeadOperands(op);
  return true;
}

} // namespace

int64_t lowerContractions(Module &module, Block &block) {
  int64_t lowered = 0;
  for (Op *op : block.snapshot())
    if ((op->kind() == OpKind::Conv || op->kind() == OpKind::ConvTranspose ||
         op->kind() == OpKind::MatMul || op->kind() == OpKind::Gemm) &&
        lower(module, op))
      ++lowered;
  return lowered;
}

} // namespace edgecc::quantized
