// The compiler's own passes: one line each, with the sentence that documents it.
#include "passes/Passes.h"
#include "passes/Registry.h"

namespace edgecc {

void registerBuiltinPasses(Registry &registry) {
  // canonicalize/
  registry.add({"dead-code",
                "Removes ops whose results nobody uses and parameters that no op names.",
                removeDeadCode,
                {}});
  registry.add({"fold",
                "Evaluates ops whose operands are constants.",
                foldConstants,
                {{"max-bytes", int64_t{1} << 20, "results up to this size are always folded"},
                 {"max-growth", int64_t{2},
                  "larger results are folded up to this many times the size of their operands"},
                 {"dequantize", false, "also fold the DequantizeLinear of a constant tensor"}}});

  registry.add(
      {"image-input",
       "Makes a float image input a raw one: u8 RGB or gray pixels, with mean, scale, "
       "layout and channel order compiled into the model.",
       compileImageInput,
       {{"name", std::string(), "the input; empty: the first"},
        {"layout", std::string("NHWC"), "of the raw pixels: NHWC or NCHW"},
        {"order", std::string("RGB"), "channel order that the network expects: RGB or BGR"},
        {"mean", std::string(),
         "subtracted from 0..255: one value, or R:G:B in the network's order"},
        {"scale", std::string(), "multiplied after that, likewise"}}});
  registry.add({"simplify",
                "Applies the algebraic rules of passes/canonicalize/rules until none matches.",
                simplify,
                {}});
  registry.add({"cse", "Merges ops that compute the same.", mergeCommonSubexpressions, {}});
  registry.add(
      {"fold-batch-norm",
       "Folds batch norms, and multiplication by or addition of per-channel constants, into "
       "the weights of the convolution or matrix product before them.",
       foldBatchNorm,
       {}});
  registry.add(
      {"fold-pad",
       "Makes a Pad part of the convolution or pooling that reads it, where that pads with "
       "the same value.",
       foldPad,
       {}});
  registry.add({"fold-batch-norm-forward",
                "Folds batch norms, and multiplication by or addition of per-channel constants, "
                "into the layers behind them, through activations, pooling and movement.",
                foldBatchNormForward,
                {}});

  registerCompressPasses(registry);

  // lower/
  registry.add({"widen-half",
                "Computes f16 and bf16 values in f32 between a model's inputs and outputs.",
                widenHalf,
                {{"keep-weights", true, "constant weights of contractions stay narrow"}}});
  registry.add({"drop-quantization",
                "Turns pairs of QuantizeLinear and DequantizeLinear into clips, for machines that "
                "compute in floating point alone.",
                dropQuantization,
                {}});
  registry.add(
      {"decompose-recurrent",
       "Turns LSTM, GRU and RNN into matrix products and element-wise ops, unrolled or in a "
       "Scan.",
       decomposeRecurrent,
       {{"max-unrolled", int64_t{64}, "longer sequences become a Scan"}}});
  registry.add({"lower-quantized",
                "Turns dequantize-op-quantize into integer contractions and sums with Requantize, "
                "integer data movement and tables; lists what stays in floating point.",
                lowerQuantized,
                {}});
  registry.add({"choose-layout",
                "Orders the axes of every value in memory: channels innermost around convolutions, "
                "with a Reorder only where an op needs another order than its operand has.",
                chooseLayout,
                {}});
  registry.add({"fuse",
                "Gathers an anchor (contraction, pooling) with the element-wise ops after it, and "
                "chains of element-wise ops, into groups that run as one loop nest.",
                fuse,
                {{"max-ops", int64_t{24}, "ops in a group"},
                 {"max-yields", int64_t{2}, "values that may leave a group"}}});
  registry.add(
      {"plan-memory",
       "Gives every value its storage: views, results written in place, and offsets in the "
       "arena.",
       planMemory,
       {}});
}

} // namespace edgecc
