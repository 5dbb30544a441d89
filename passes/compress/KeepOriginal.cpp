#include "passes/compress/Passes.h"

namespace edgecc {

Expected<void> keepOriginal(Module &module, PassContext &context) {
  if (!context.compression)
    return {}; // nobody will compare
  context.compression->original = clone(module);
  context.statistics.add("models kept for comparison");
  return {};
}

} // namespace edgecc
