// The layers of a quantised module as `quantize` leaves them: where their weights, scales and
// biases are. Rounding and bias passes read and write them through this header.
//
//   DequantizeLinear(QuantizeLinear(Param f32 W, s), s)   weights that still can be rounded
//   DequantizeLinear(Param integer, s)                    weights that have been
//   DequantizeLinear(Param i32, sx * s)                   bias of a layer with integer activations
//   Param f32                                             any other bias
#pragma once

#include "ir/Module.h"

#include <optional>

namespace edgecc {

// How the weights of a contraction (operand 1) relate to the channels of its result.
struct WeightLayout {
  unsigned axis = 0;          // of the weights; per-channel scales lie along it
  unsigned reductionAxis = 0; // of the weights; blocks of 4-bit weights lie along it
  unsigned resultAxis = 1;    // the result's channels
  int64_t channels = 0;       // of the result
  int64_t stride = 1;         // elements from one index along `axis` to the next
  int64_t extent = 1;         // of the weights along `axis`
  int64_t perGroup = 0;       // ConvTranspose: elements of one group; else 0

  // The index along `axis` of the weight at `i` in row-major order, which is that of its scale.
  int64_t indexOf(int64_t i) const { return i / stride % extent; }
  // The result's channel that it contributes to.
  int64_t channelOf(int64_t i) const { return indexOf(i) + (perGroup ? i / perGroup * extent : 0); }
  int64_t indexOfChannel(int64_t channel) const { return channel % extent; }
};

// Of a Conv, ConvTranspose, MatMul or Gemm, whatever its weights are; none for other ops.
std::optional<WeightLayout> weightLayout(const Op &layer);

// The quantised weights of a layer. Pointers are valid until the module changes there.
struct QuantizedWeights {
  Op *layer = nullptr;
  Op *quantize = nullptr; // null once the weights are integers
  Op *dequantize = nullptr;
  DType dtype = DType::I8;
  Tensor scale;      // f32: one, one for each index along `axis`, or blocked
  int64_t axis = 0;  // of a per-axis or blocked scale
  int64_t block = 0; // elements along `axis` that share a scale; 0: not blocked

  // The float weights; null once they are integers.
  const Tensor *real() const;
  // The integers of weights that have been rounded; null before.
  const Tensor *integers() const;
  const Dims &dims() const;
  // The scale of the weight at `i` in row-major order, and its place in `scale`.
  float scaleOf(int64_t i) const;
  size_t scaleIndexOf(int64_t i) const;
  int32_t lowest() const;
  int32_t highest() const;
};

// None if the weights are not quantised by constant scales with zero points 0, as `quantize` does.
std::optional<QuantizedWeights> quantizedWeights(Op &layer);

// The layers with such weights, in order.
std::vector<Op *> quantizedLayers(const Function &function);

// What QuantizeLinear makes of the float weights: round to nearest even, saturate.
Tensor roundedToNearest(const QuantizedWeights &weights);

// The reals that integers of the weights' shape and type stand for.
Tensor dequantized(const QuantizedWeights &weights, const Tensor &integers);

// Replaces the QuantizeLinear by integers of the weights' shape and type.
void setIntegers(Module &module, const QuantizedWeights &weights, Tensor integers);

// real = (q - zeroPoint) * scale
struct ValueScale {
  DType dtype = DType::U8;
  float scale = 1;
  int32_t zeroPoint = 0;
};

// How a value that a DequantizeLinear with constant per-tensor parameters defines, possibly above
// movement ops, is quantised.
std::optional<ValueScale> scaleOfValue(const Value *value);

// The bias of a layer in real units, one entry for each channel of its result; zeros where it has
// none. The bias of a MatMul is the constant of the Add that alone reads it. None if the bias is
// not constant.
std::optional<std::vector<double>> biasOf(const Op &layer);

// Gives the layer this bias, in i32 units of its accumulator where its operands are quantised and
// otherwise in f32; a MatMul gets an Add behind it if it has none.
void setBias(Module &module, Op &layer, const std::vector<double> &bias);

// A copy of the module that computes in floating point: every DequantizeLinear(QuantizeLinear(x))
// is x again. Weights and biases that are integers already keep their values.
std::unique_ptr<Module> withoutQuantization(const Module &module);

} // namespace edgecc
