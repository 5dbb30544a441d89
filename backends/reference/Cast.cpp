#include "backends/reference/Convert.h"
#include "backends/reference/Kernels.h"

#include <cstring>

namespace edgecc::reference {

Results cast(const Call &call) {
  return one(convert(call[0], call.op.dtype("to"), call.op.flag("saturate")));
}

Results bitcast(const Call &call) {
  Tensor y(call.op.dtype("to"), call[0].dims());
  std::memcpy(y.mutableRaw(), call[0].raw(), y.bytes());
  return one(std::move(y));
}

} // namespace edgecc::reference
