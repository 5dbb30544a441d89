#include "passes/Pipeline.h"

namespace edgecc {

PassList buildPipeline(const Registry &registry, const PipelineOptions &options) {
  PassList passes;
  auto add = [&](std::string_view name) { passes.push_back(registry.call(name)); };

  // --- canonicalize: the same function, with fewer and simpler ops ---
  add("fold");      // constants first: the rules below look for them
  add("dead-code"); // what nobody needs

  if (!options.lower)
    return passes;

  // --- lower: towards the machine ---
  add("choose-layout"); // channels last where it pays
  add("fuse");          // loop nests
  add("plan-memory");   // storage for every value

  return passes;
}

} // namespace edgecc
