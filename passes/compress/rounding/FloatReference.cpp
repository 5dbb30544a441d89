#include "passes/compress/rounding/FloatReference.h"

#include "passes/compress/quantization/Layer.h"

#include <cassert>

namespace edgecc {

namespace {

std::vector<const Op *> contractions(const Function &function) {
  std::vector<const Op *> out;
  for (const auto &op : function.body.ops())
    if (weightLayout(*op))
      out.push_back(op.get());
  return out;
}

bool areCounterparts(const std::vector<const Op *> &a, const std::vector<const Op *> &b) {
  bool agree = a.size() == b.size();
  for (size_t i = 0; agree && i < a.size(); ++i)
    agree = a[i]->kind() == b[i]->kind() &&
            sameLogicalType(a[i]->result()->type, b[i]->result()->type) &&
            a[i]->operand(1)->dims() == b[i]->operand(1)->dims();
  return agree;
}

} // namespace

FloatReference::FloatReference(const Module &quantized, const Compression &compression)
    : module_(compression.beforeQuantization.get()) {
  std::vector<const Op *> here = contractions(quantized.main());
  std::vector<const Op *> there;
  if (module_)
    there = contractions(module_->main());
  if (!module_ || !areCounterparts(here, there)) {
    own_ = withoutQuantization(quantized);
    module_ = own_.get();
    there = contractions(module_->main());
  }
  assert(here.size() == there.size());
  for (size_t i = 0; i < here.size(); ++i)
    counterparts_[here[i]] = there[i];
}

} // namespace edgecc
