// Quantised values behind DequantizeLinear and QuantizeLinear with constant parameters, and the
// steps of quantised lowering.
#pragma once

#include "passes/Pass.h"
#include "passes/Rewrite.h"
#include "runtime/numerics/Quantize.h"

namespace edgecc::quantized {

// real = (q - zeroPoint) * scale
struct Quantization {
  DType dtype = DType::I8;
  std::vector<float> scales;       // one, or one for each index along `axis`
  std::vector<int32_t> zeroPoints; // likewise
  int64_t axis = 0;

  bool perTensor() const { return scales.size() == 1; }
  float scale(size_t i) const { return scales[perTensor() ? 0 : i]; }
  int32_t zeroPoint(size_t i) const { return zeroPoints[zeroPoints.size() == 1 ? 0 : i]; }
  bool operator==(const Quantization &) const = default;
  numerics::IntegerRange range() const;
  // The largest |q - zeroPoint|.
  int64_t reach(size_t i) const;
};

// The parameters of a QuantizeLinear or DequantizeLinear between f32 and a 4-, 8- or 16-bit integer
// (also from i32) if they are constant, positive, finite and not blocked.
std::optional<Quantization> quantizationOf(const Op &op);

// The same for the DequantizeLinear that defines `value`.
std::optional<Quantization> dequantizedFrom(const Value *value);

// 8- and 16-bit integers: what integer arithmetic computes on.
bool isNarrow(DType dtype);

// A tensor of one axis.
template <class T> Tensor vectorOf(DType dtype, const std::vector<T> &values) {
  Tensor content(dtype, {static_cast<int64_t>(values.size())});
  for (size_t i = 0; i < values.size(); ++i)
    content.setDouble(static_cast<int64_t>(i), static_cast<double>(values[i]));
  return content;
}

// (x - zero point) * scale in f32; `scales` has one entry, or one for each index along `axis`.
Value *dequantize(Builder &builder, Value *x, const std::vector<float> &scales, int64_t axis,
                  Value *zeroPoint = nullptr);

// The zero points as an operand; null if all are 0.
Value *zeroPointOperand(Builder &builder, const Quantization &q);

// --- the steps, in the order in which they run; each returns how many ops it changed ---

// Movement(Dequantize(x)) = Dequantize(Movement(x)): element order, copies, maxima.
int64_t moveDequantizeDown(Module &module, Block &block);

// Quantize(Movement(x...)) = Movement(Quantize(x)...)
int64_t moveQuantizeUp(Module &module, Block &block);

// Sums and means of dequantised operands become integer sums with a dequantised result.
int64_t lowerSums(Module &module, Block &block);

// Linear interpolation of integers instead of reals: weights sum to 1.
int64_t lowerInterpolations(Module &module, Block &block);

// Conv, ConvTranspose, MatMul and Gemm of dequantised operands become integer ops with a
// dequantised result.
int64_t lowerContractions(Module &module, Block &block);

// Matrix products and convolutions of reals with dequantised constant weights: the weights stay as
// narrow as they are.
int64_t lowerWeightOnly(Module &module, Block &block);

// Quantize(bounds(Dequantize(accumulator))) = Requantize(accumulator)
int64_t mergeRequantize(Module &module, Block &block);

// Quantize(f(Dequantize(x))) = TableLookup(x) for 8-bit x and any f of it alone; the table is
// computed by the executor. Nothing to do if the table is the identity.
Expected<int64_t> makeTables(Module &module, Block &block, Executor &executor);

// Quantize(f(Dequantize(x)...), scale) = Quantize(f(Dequantize(x) / scale...), 1) for homogeneous
// f: the division goes into the constants.
int64_t foldOutputScale(Module &module, Block &block);

// Every user of a DequantizeLinear gets its own, so that each can be fused with its user.
void duplicateDequantize(Module &module, Block &block);

// Ops that compute on reals in memory although their operands come from quantised values and their
// results go into such: each with the reason.
struct Island {
  const Op *op;
  std::string reason; // a sentence
};
std::vector<Island> findIslands(const Block &block);

} // namespace edgecc::quantized
