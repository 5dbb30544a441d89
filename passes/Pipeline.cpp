#include "passes/Pipeline.h"

#include <cassert>

namespace edgecc {

bool CompressionRecipe::needsData() const {
  return !prune.empty() || (!quantize.empty() && quantize != "fp16" && quantize != "bf16" &&
                            quantize != "w8" && quantize != "w4" && quantize != "dynamic");
}

PassList Pipeline::all() const {
  PassList passes = portable;
  passes.insert(passes.end(), lowering.begin(), lowering.end());
  return passes;
}

Pipeline buildPipeline(const Registry &registry, const CompressionRecipe &recipe) {
  Pipeline pipeline;
  PassList *passes = &pipeline.portable;
  auto add = [&](std::string_view call) {
    auto parsed = registry.parse(call);
    assert(parsed && "the pipeline names passes and options that exist");
    passes->push_back(std::move(parsed->front()));
  };

  // --- canonicalize: the same function, with fewer and simpler ops ---
  add("fold");                      // constants first: the rules below look for them
  add("simplify");                  // algebra, activations and normalisations that were spelt out
  add("fold-batch-norm");           // batch norms into weights
  add("fold-pad");                  // Pad into the window op behind it
  add("merge-input-normalization"); // scales into the convolution behind them
  add("cse");                       // equal ops once
  add("simplify");                  // what has become neighbours
  add("fold");                      // what the rules made constant
  add("dead-code");                 // what nobody needs any more

  // --- compress: a smaller and faster function, and what it costs is measured ---
  for (const std::string &pass : recipe.rewrites) // forms that suit some hardware better
    add(pass);

  // --- lower: towards the machine ---
  passes = &pipeline.lowering;
  add("widen-half");          // no CPU target has fast f16 arithmetic yet
  add("decompose-recurrent"); // LSTM, GRU and RNN
  add("lower-quantized");     // integer arithmetic
  // Their weights, and the quantised weights that floating-point ops use; f32 is 8 times as large
  // as 4 bits.
  add("fold{dequantize=true,max-growth=8}");
  add("simplify");
  add("cse");
  add("dead-code");
  add("choose-layout"); // channels last where it pays
  add("fuse");          // loop nests
  add("plan-memory");   // storage for every value

  return pipeline;
}

} // namespace edgecc
