#include "backends/native/contraction/Convert.h"
#include "backends/native/elementwise/Numeric.h"

namespace edgecc::native {

llvm::Value *convertElements(KernelEmitter &e, llvm::Value *value, DType from, DType to,
                             unsigned lanes) {
  if (from == to)
    return value;
  if (!isInteger(from) || !isInteger(to))
    return convert(e, value, from, to);
  llvm::Type *type = e.vectorType(to, lanes);
  if (bitWidth(to) <= bitWidth(from))
    return e.b.CreateTrunc(value, type);
  return isSigned(from) ? e.b.CreateSExt(value, type) : e.b.CreateZExt(value, type);
}

} // namespace edgecc::native
