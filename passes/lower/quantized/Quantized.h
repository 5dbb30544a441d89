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
};

// The parameters of a QuantizeLinear or DequantizeLinear between f32 and an 8- or 16-bit integer
// (also from i32) if they are constant, positive, finite and not blocked.
std::optional<Quantization> quantizationOf(const Op &op);

// The same for the DequantizeLinear that defines `value`.
std::optional<Quantization> dequantizedFrom(const Value *value);

// --- the steps, in the order in which they run; each returns how many ops it changed ---

// Movement(Dequantize(x)) = Dequantize(Movement(x)): element order, copies, maximum pooling.
int64_t moveDequantizeDown(Module &module, Block &block);

// Quantize(Concat(x...)) = Concat(Quantize(x)...)
int64_t moveQuantizeUp(Module &module, Block &block);

// Conv, MatMul and Gemm of dequantised operands become integer ops with a dequantised result.
int64_t lowerContractions(Module &module, Block &block);

// Quantize(bounds(Dequantize(accumulator))) = Requantize(accumulator)
int64_t mergeRequantize(Module &module, Block &block);

// Quantize(f(Dequantize(x))) = TableLookup(x) for 8-bit x and any chain f of unary functions; the
// table is computed by the executor. Nothing to do if the table is the identity.
Expected<int64_t> makeTables(Module &module, Block &block, Executor &executor);

// Every user of a DequantizeLinear gets its own, so that each can be fused with its user.
void duplicateDequantize(Module &module, Block &block);

} // namespace edgecc::quantized
