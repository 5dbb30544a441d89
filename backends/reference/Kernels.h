// The meaning of every op: one function each, in files by family, and the table that finds them.
//
// Kernels see the element types f32, f64, integers and bool as themselves. Operands of other types
// are prepared according to the op's row, so that a kernel never meets f16, bf16 or packed nibbles
// unless it says that it reads all types itself.
#pragma once

#include "ir/Executor.h"

namespace edgecc::reference {

struct Call {
  const Op &op;
  std::span<const Tensor> operands;

  bool has(unsigned i) const { return op.operand(i) != nullptr; }
  const Tensor &operator[](unsigned i) const { return operands[i]; }
  const Dims &resultDims(unsigned i = 0) const { return op.result(i)->dims(); }
  // A zero-filled result of the declared shape.
  Tensor result(DType dtype, unsigned i = 0) const { return Tensor(dtype, resultDims(i)); }
};

// One tensor for each result of the op.
using Results = Expected<std::vector<Tensor>>;

inline Results one(Tensor tensor) {
  std::vector<Tensor> results;
  results.push_back(std::move(tensor));
  return results;
}

struct Kernel {
  enum class Types : uint8_t {
    Widened, // f16 and bf16 arrive as f32; results are rounded back once
    Bits,    // 4-bit elements arrive as bytes; the kernel only copies elements
    All,     // as they are
  };
  enum class Extents : uint8_t {
    Declared, // operands have exactly the declared dims
    Actual,   // operands may be smaller than declared along bounded axes
  };
  Results (*run)(const Call &) = nullptr; // null for ops that the interpreter itself handles
  Types types = Types::Widened;
  Extents extents = Extents::Declared;
};

Kernel kernelFor(OpKind kind);

// Unary.cpp, Activation.cpp
Results unary(const Call &call);
Results activation(const Call &call);
// Cast.cpp
Results cast(const Call &call);
Results bitcast(const Call &call);
// Binary.cpp
Results binary(const Call &call);
Results compare(const Call &call);
Results logical(const Call &call);
Results bitwise(const Call &call);
Results power(const Call &call);
Results where(const Call &call);
// Reduction.cpp
Results reduce(const Call &call);
Results argReduce(const Call &call);
Results prefix(const Call &call);
// Convolution.cpp, DeformConv.cpp, MatrixProduct.cpp
Results conv(const Call &call);
Results convTranspose(const Call &call);
Results deformConv(const Call &call);
Results matMul(const Call &call);
Results gemm(const Call &call);
// Pooling.cpp, RoiAlign.cpp
Results maxPool(const Call &call);
Results averagePool(const Call &call);
Results lpPool(const Call &call);
Results maxUnpool(const Call &call);
Results roiAlign(const Call &call);
// Normalization.cpp, Softmax.cpp
Results batchNormalization(const Call &call);
Results groupNormalization(const Call &call);
Results layerNormalization(const Call &call);
Results localResponseNormalization(const Call &call);
Results softmax(const Call &call);
// Movement.cpp
Results identity(const Call &call);
Results reshape(const Call &call);
Results transpose(const Call &call);
Results slice(const Call &call);
Results concat(const Call &call);
Results pad(const Call &call);
Results expand(const Call &call);
Results tile(const Call &call);
Results depthToSpace(const Call &call);
Results spaceToDepth(const Call &call);
Results trilu(const Call &call);
Results reverseSequence(const Call &call);
Results oneHot(const Call &call);
// Gather.cpp, Scatter.cpp, Selection.cpp, NonMaxSuppression.cpp
Results gather(const Call &call);
Results gatherElements(const Call &call);
Results gatherNd(const Call &call);
Results scatterElements(const Call &call);
Results scatterNd(const Call &call);
Results topK(const Call &call);
Results nonZero(const Call &call);
Results compress(const Call &call);
Results unique(const Call &call);
Results nonMaxSuppression(const Call &call);
// Resize.cpp, GridSample.cpp, Signal.cpp
Results resize(const Call &call);
Results gridSample(const Call &call);
Results col2Im(const Call &call);
Results determinant(const Call &call);
Results dft(const Call &call);
// Quantization.cpp
Results quantizeLinear(const Call &call);
Results dequantizeLinear(const Call &call);
Results dynamicQuantizeLinear(const Call &call);
Results requantize(const Call &call);
Results tableLookup(const Call &call);
// Recurrent.cpp
Results recurrent(const Call &call);

} // namespace edgecc::reference
