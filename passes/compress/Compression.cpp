#include "passes/compress/Compression.h"

#include "ir/OpDef.h"

#include <cmath>

namespace edgecc {

std::string nameOfLayer(const Op &op) {
  if (!op.location.empty())
    return op.location;
  if (op.numResults() > 0 && !op.result()->provenance.tensor.empty())
    return op.result()->provenance.tensor;
  return std::string(op.name());
}

static bool isFinite(const Tensor &tensor) {
  for (int64_t i = 0; i < tensor.elements(); ++i)
    if (!std::isfinite(tensor.asDouble(i)))
      return false;
  return true;
}

Expected<void> checkFiniteWeights(const Function &function, std::string_view pass) {
  Diagnostics found;
  for (const auto &op : function.body.ops()) {
    if (!op->def().is(OpTrait::Contraction))
      continue;
    for (unsigned i = 0; i < op->numOperands(); ++i)
      if (const Tensor *content = constantOf(op->operand(i));
          content && isFloat(content->dtype()) && !isFinite(*content)) {
        found.push_back({std::string(op->name()) +
                             " has NaN or infinite weights or biases, which " + std::string(pass) +
                             " cannot work with",
                         nameOfLayer(*op), "check how the model was trained and exported"});
        break;
      }
  }
  if (!found.empty())
    return tl::unexpected(std::move(found));
  return {};
}

} // namespace edgecc
