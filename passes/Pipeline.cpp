#include "passes/Pipeline.h"

namespace edgecc {

PassList buildPipeline(const Registry &registry, const PipelineOptions &options) {
  PassList passes;
  auto add = [&](std::string_view name) { passes.push_back(registry.call(name)); };

  // --- canonicalize: the same function, with fewer and simpler ops ---
  add("fold");            // constants first: the rules below look for them
  add("simplify");        // algebra, activations and normalisations that were spelt out
  add("fold-batch-norm"); // batch norms into weights
  add("fold-pad");        // Pad into the window op behind it
  add("cse");             // equal ops once
  add("simplify");        // what has become neighbours
  add("fold");            // what the rules made constant
  add("dead-code");       // what nobody needs any more

  if (!options.lower)
    return passes;

  // --- lower: towards the machine ---
  add("decompose-recurrent"); // LSTM, GRU and RNN
  add("fold");                // their weights
  add("simplify");
  add("cse");
  add("dead-code");
  add("choose-layout"); // channels last where it pays
  add("fuse");          // loop nests
  add("plan-memory");   // storage for every value

  return passes;
}

} // namespace edgecc
