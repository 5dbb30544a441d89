// The float network that a quantised one approximates.
#pragma once

#include "passes/compress/Compression.h"

namespace edgecc {

// What `quantize` was given, if it kept that and the layers are still the same; otherwise the
// quantised module without its quantisation, in which weights and biases that are integers already
// count as exact.
class FloatReference {
public:
  // `quantized` and `compression` must outlive this.
  FloatReference(const Module &quantized, const Compression &compression);

  const Module &module() const { return *module_; }
  // The counterpart of a Conv, ConvTranspose, MatMul or Gemm of the quantised main function's body.
  const Op *layer(const Op &quantized) const { return counterparts_.at(&quantized); }

private:
  std::unique_ptr<Module> own_;
  const Module *module_;
  std::map<const Op *, const Op *> counterparts_;
};

} // namespace edgecc
