#include "passes/Pipeline.h"

#include <algorithm>
#include <cassert>
#include <fmt/format.h>

namespace edgecc {

bool CompressionRecipe::needsData() const {
  return !prune.empty() ||
         (!quantize.empty() && !assumeRanges && quantize != "fp16" && quantize != "bf16" &&
          quantize != "w8" && quantize != "w4" && quantize != "dynamic");
}

PassList Pipeline::all() const {
  PassList passes = portable;
  passes.insert(passes.end(), lowering.begin(), lowering.end());
  return passes;
}

namespace {

// One call of a pass, whose options may hold what a user wrote.
class Call {
public:
  Call(PassList &passes, const Registry &registry, std::string_view name)
      : call_(passes.emplace_back(registry.call(name))) {}

  Call &set(std::string_view option, std::string_view value) {
    if (value.empty())
      return *this; // the option's default
    auto done = call_.options.set(option, value);
    assert(done && "the pipeline names options that exist");
    (void)done;
    return *this;
  }

private:
  PassCall &call_;
};

// How --quantize names widths, as options of the pass `quantize`.
struct Widths {
  std::string_view name, weights, activations;
};
constexpr Widths kWidths[] = {
    {"int8", "i8", "u8"},         {"int16", "i8", "i16"}, {"int4", "i4", "u8"},
    {"auto", "f32", "f32"},       {"w8", "i8", "f32"},    {"w4", "i4", "f32"},
    {"dynamic", "i8", "dynamic"},
};

void addQuantization(PassList &passes, const Registry &registry, const CompressionRecipe &recipe) {
  auto add = [&](std::string_view name) { return Call(passes, registry, name); };
  if (recipe.quantize == "fp16" || recipe.quantize == "bf16") {
    add("narrow-floats").set("to", recipe.quantize == "fp16" ? "f16" : "bf16");
    return;
  }
  const Widths *widths =
      std::ranges::find(kWidths, std::string_view(recipe.quantize), &Widths::name);
  assert(widths != std::end(kWidths) && "the driver accepts these names alone");
  bool isAutomatic = recipe.quantize == "auto";
  bool isForSpeed = isAutomatic || recipe.quantize == "int8"; // the others save space or accuracy
  bool observes = isAutomatic || (widths->activations != "f32" && widths->activations != "dynamic");

  bool isKept = !recipe.loadCalibration.empty() || !recipe.saveCalibration.empty();
  if (observes && recipe.equalize && !isKept &&
      !recipe.assumeRanges) // a table speaks of channels as they came
    add("equalize")         // channels of one tensor alike
        .set("ranges", recipe.perTensorWeights ? "weights" : "activations");
  if (observes)
    add("calibrate") // ranges of activations
        .set("method", recipe.assumeRanges ? "minmax" : recipe.ranges)
        .set("assume", recipe.assumeRanges ? "true" : "false")
        .set("load", recipe.loadCalibration)
        .set("save", recipe.saveCalibration);
  if (isAutomatic)
    add("choose-precision") // by layer
        .set("max-loss", recipe.maxLoss < 0 ? "" : fmt::format("{}", recipe.maxLoss))
        .set("size", fmt::format("{}", recipe.maxSize))
        .set("time", fmt::format("{}", recipe.maxTime));
  add("quantize")
      .set("weights", widths->weights)
      .set("activations", widths->activations)
      .set("weight-axis", recipe.perTensorWeights ? "tensor" : "channel")
      // What leaves such a device goes over a link, which is often what limits it.
      .set("boundary", recipe.machine == Machine::IntegerDevice ? "rounded" : "float")
      .set("only-if-faster", isForSpeed && recipe.onlyIfFaster ? "true" : "false");
  std::string_view rounding = recipe.rounding;
  if (rounding.empty() && recipe.hasSamples && recipe.loadCalibration.empty() &&
      (widths->weights == "i4" || recipe.quantize == "int8"))
    rounding = "adaround";
  if (rounding == "adaround" || rounding == "power-of-two")
    add(rounding);
  if (recipe.correctBias && observes && !recipe.assumeRanges)
    add("correct-bias") // of what the rounded weights compute
        .set("method", recipe.loadCalibration.empty() ? "empirical" : "analytic");
}

// Rewrites first, then fewer channels, then fewer bits.
void addCompression(PassList &passes, const Registry &registry, const CompressionRecipe &recipe) {
  auto add = [&](std::string_view name) { return Call(passes, registry, name); };
  add("keep-original");                           // what the result is compared with
  add("remove-dead-channels");                    // what training has left empty
  for (const std::string &pass : recipe.rewrites) // forms that suit some hardware better
    add(pass);
  if (!recipe.prune.empty())
    add("prune").set("target", recipe.prune).set("refit", recipe.refit ? "true" : "false");
  if (recipe.sparsify > 0)
    add("sparsify").set("ratio", fmt::format("{}", recipe.sparsify));
  if (!recipe.quantize.empty())
    addQuantization(passes, registry, recipe);
  add("fold"); // weights into integers
  add("dead-code");
}

} // namespace

Pipeline buildPipeline(const Registry &registry, const CompressionRecipe &recipe) {
  Pipeline pipeline;
  PassList *passes = &pipeline.portable;
  auto add = [&](std::string_view call) {
    auto parsed = registry.parse(call);
    assert(parsed && "the pipeline names passes and options that exist");
    passes->push_back(std::move(parsed->front()));
  };

  // --- canonicalize: the same function, with fewer and simpler ops ---
  add("fold");                    // constants first: the rules below look for them
  add("simplify");                // algebra, activations and normalisations that were spelt out
  add("fold-batch-norm");         // batch norms into the weights before them
  add("fold-pad");                // Pad into the window op behind it
  add("fold-batch-norm-forward"); // what is left of batch norms into the weights behind them
  add("cse");                     // equal ops once
  add("simplify");                // what has become neighbours
  add("fold");                    // what the rules made constant
  add("dead-code");               // what nobody needs any more

  // --- what convolution engines have no other way to run ---
  if (recipe.machine != Machine::Cpu) {
    if (recipe.machine == Machine::IntegerDevice) { // so that all can be quantised
      add("widen-half{keep-weights=false}");
      add("fold{max-growth=2}"); // casts of weights
    }
    add("transposed-conv-to-pixel-shuffle");
    add("transposed-conv-to-convolution"); // what the other one could not take
    add("fully-connected-to-convolution");
    if (recipe.splitDilation)
      add("dilated-conv-to-phases");
  }

  // --- compress: a smaller and faster function; what that costs is measured ---
  if (recipe.compresses())
    addCompression(*passes, registry, recipe);

  // --- lower: towards the machine ---
  passes = &pipeline.lowering;
  if (recipe.machine == Machine::Cpu)
    add("widen-half");        // no CPU target has fast f16 arithmetic yet
  add("decompose-recurrent"); // LSTM, GRU and RNN
  if (recipe.machine == Machine::HalfDevice)
    add("drop-quantization"); // these compute in f16 alone
  else
    add("lower-quantized"); // integer arithmetic
  // Their weights, and the quantised weights that floating-point ops use; f32 is 8 times as large
  // as 4 bits.
  add("fold{dequantize=true,max-growth=8}");
  add("simplify");
  if (recipe.machine == Machine::HalfDevice) {
    add(recipe.watchHalf ? "narrow-floats{to=f16,watch=true}" : "narrow-floats{to=f16}");
    add("fold"); // casts of constants
  }
  add("cse");
  add("dead-code");
  if (recipe.machine == Machine::Cpu) {
    add("choose-layout"); // channels last where it pays
    add("fuse");          // loop nests
    add("plan-memory");   // storage for every value
  }

  return pipeline;
}

} // namespace edgecc
