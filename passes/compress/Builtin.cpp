// The compression passes: one line each, with the sentence that documents it, in the order in which
// the pipeline runs them.
#include "passes/Registry.h"
#include "passes/compress/Passes.h"

namespace edgecc {

void registerCompressPasses(Registry &registry) {
  (void)registry;
  // batch norms and channels

  // rewrites

  // pruning

  // equalisation

  // calibration

  // precision and quantisation

  // rounding and bias
}

} // namespace edgecc
