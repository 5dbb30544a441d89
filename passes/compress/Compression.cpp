#include "passes/compress/Compression.h"

namespace edgecc {

std::string nameOfLayer(const Op &op) {
  if (!op.location.empty())
    return op.location;
  if (op.numResults() > 0 && !op.result()->provenance.tensor.empty())
    return op.result()->provenance.tensor;
  return std::string(op.name());
}

} // namespace edgecc
