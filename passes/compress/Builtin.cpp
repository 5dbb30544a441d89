// The compression passes: one line each, with the sentence that documents it, in the order in which
// the pipeline runs them.
#include "passes/Registry.h"
#include "passes/compress/Passes.h"

namespace edgecc {

void registerCompressPasses(Registry &registry) {
  registry.add({"keep-original",
                "Keeps a copy of the model as it is, which the compressed one is compared with.",
                keepOriginal,
                {}});

  // batch norms and channels
  registry.add({"remove-dead-channels",
                "Moves constant channels into the biases behind them and removes the channels that "
                "nothing reads.",
                removeDeadChannels,
                {}});

  // rewrites
  constexpr bool kIsRewrite = true;
  registry.add({"transposed-conv-to-pixel-shuffle",
                "Turns transposed convolutions into convolutions whose output channels a pixel "
                "shuffle interleaves.",
                transposedConvToPixelShuffle,
                {},
                kIsRewrite});
  registry.add({"transposed-conv-to-convolution",
                "Turns transposed convolutions into convolutions over inputs with zeros between "
                "their elements.",
                transposedConvToConvolution,
                {},
                kIsRewrite});
  registry.add({"dilated-conv-to-phases",
                "Turns dilated convolutions into plain ones over an image whose phases lie side by "
                "side.",
                dilatedConvToPhases,
                {},
                kIsRewrite});
  registry.add({"fully-connected-to-convolution",
                "Turns Gemm and MatMul by constant weights into convolutions of kernel 1.",
                fullyConnectedToConvolution,
                {},
                kIsRewrite});
  registry.add(
      {"space-to-depth-input",
       "Turns a strided convolution of the model's input into a convolution of stride 1 on "
       "space-to-depth of it.",
       spaceToDepthInput,
       {{"max-channels", int64_t{4}, "inputs with more channels stay as they are"}},
       kIsRewrite});
  registry.add({"split-large-kernels",
                "Turns convolutions with large kernels into sums of convolutions with their parts.",
                splitLargeKernels,
                {{"max-kernel", int64_t{7}, "extent of a kernel that stays whole"}},
                kIsRewrite});
  registry.add(
      {"factorize",
       "Turns convolutions into pairs with one-dimensional kernels of low rank (spatial singular "
       "value decomposition).",
       factorize,
       {{"macs", 0.5, "multiply-accumulates that a factorised layer keeps, as a fraction"},
        {"min-energy", 0.9, "layers whose factors would keep less of the squared weights stay"},
        {"refit", true, "fit the factors to the original outputs on calibration data, if any"}},
       kIsRewrite});

  // pruning
  registry.add(
      {"prune",
       "Removes channels (with all that depends on them) or whole residual blocks until the model "
       "is as small as asked for, and refits the weights that are left by least squares.",
       prune,
       {{"target", std::string("macs:0.3"),
         "fraction to remove of the macs, params, time (estimated) or memory (activations)"},
        {"criterion", std::string("auto"),
         "which channels go first: l1, l2, bn-scale, activation or taylor; auto: taylor with "
         "calibration data, else l2"},
        {"scope", std::string("global"),
         "global: where least is lost for what is gained; layer: the same share everywhere"},
        {"granularity", std::string("filter"), "filter, or block for whole residual blocks"},
        {"align", int64_t{0},
         "channel counts of at least this stay multiples of it; 0: what the target gets for free"},
        {"min-channels", int64_t{1}, "that stay in every group"},
        {"max-ratio", 0.9, "of a group's channels that may go"},
        {"rounds", int64_t{1}, "steps to the target, with a refit after each"},
        {"refit", true, "fit the weights that are left on calibration data, if any"},
        {"sweeps", int64_t{1}, "how often the last refit goes over all layers"},
        {"samples", int64_t{512}, "calibration samples that are used, at most"},
        {"ridge", 1e-3, "how firmly a refit holds on to the weights as they are"}}});
  registry.add(
      {"sparsify",
       "Makes the smallest weights zero. Saves size where the file is compressed, never time.",
       sparsify,
       {{"ratio", 0.5, "fraction of the weights to become zero"},
        {"scope", std::string("global"),
         "global: the smallest of all, relative to their layer's; layer: the same share of each"},
        {"refit", true,
         "make up for them with the weights that are left, on calibration data, if "
         "any"},
        {"samples", int64_t{256}, "calibration samples that are used, at most"}}});

  // equalisation
  registry.add(
      {"equalize",
       "Scales channels between layers so that the ranges of the weights that make and that read "
       "them agree (cross-layer equalisation).",
       equalize,
       {{"ranges", std::string("weights"),
         "what is balanced against the weights that read a channel: the weights that make it, or "
         "its activations on calibration data"},
        {"iterations", int64_t{50}, "at most, over all chains"},
        {"tolerance", 1e-3, "largest relative change of a factor in the last iteration"},
        {"limit", 1000.0, "factors are from 1 / limit to limit"},
        {"residual", false, "channels that are added together share a factor, or else have none"},
        {"clips", std::string("keep"),
         "keep: channels that a Clip bounds have no factor; bounds: the bounds become one for each "
         "channel; open: bounds that calibration data never reach are dropped, others keep"},
        {"samples", int64_t{64}, "calibration samples to look at, for activations and open"}}});
  registry.add(
      {"absorb-bias",
       "Moves what almost all activations of a channel have in common into the bias of the layer "
       "behind (high-bias absorption).",
       absorbBias,
       {{"bound", std::string("deviations"),
         "moved is the mean less three deviations, or the minimum over the calibration data"},
        {"samples", int64_t{64}, "calibration samples to look at"}}});

  // calibration
  registry.add({"calibrate",
                "Runs the model on samples and observes the values that are to be quantised.",
                calibrate,
                {{"method", std::string("mse"),
                  "how ranges are chosen: minmax, moving-average, percentile, mse or entropy"},
                 {"percentile", kDefaultPercentile, "of the values on each side, for percentile"},
                 {"per-channel", false, "observe each channel by itself"},
                 {"histograms", false, "keep histograms also where the method needs none"},
                 {"bins", int64_t{0}, "of a histogram; 0: 2048, per channel 512"},
                 {"samples", int64_t{0}, "of the data, spread evenly; 0: all"},
                 {"assume", false, "take all ranges to be [-1, 1], to plan without samples"},
                 {"load", std::string(), "file with a table to use in place of running samples"},
                 {"save", std::string(), "file to write the table to"}}});

  // precision and quantisation
  registry.add(
      {"choose-precision",
       "Chooses each layer's width by the noise that it adds to the outputs, within a budget of "
       "loss, size or time.",
       choosePrecision,
       {{"candidates", std::string("4:8:16:float"), "the widths to choose from"},
        {"max-loss", -1.0,
         "points of the metric; negative: no limit, or 0.5 where there is a metric and no other "
         "budget"},
        {"min-sqnr", 0.0,
         "dB of the outputs; 0: no limit, or 25 where there is neither a metric nor another "
         "budget"},
        {"size", 1.0, "weight bytes, as a fraction of the float layers'"},
        {"time", 1.0, "time by the target's cost model, as a fraction of the float layers'"},
        {"samples", int64_t{0}, "calibration samples that loss is measured on; 0: all"},
        {"sensitivity-samples", int64_t{4}, "samples that each layer's noise is measured on"}}});
  registry.add(
      {"quantize",
       "Quantises weights and activations: inserts QuantizeLinear and DequantizeLinear with "
       "scales from the weights and the calibration.",
       quantize,
       {{"weights", std::string("i8"), "i8, i4, i16, or f32: only what the precisions name"},
        {"activations", std::string("u8"),
         "u8, i8, u16, i16; f32: only the weights; dynamic: ranges found at run time"},
        {"weight-axis", std::string("channel"), "a scale for each channel, or one for the tensor"},
        {"weight-range", std::string(),
         "max or mse: scales of weights; empty: mse for 4 bits, max for more"},
        {"block", int64_t{32},
         "weights that share a scale, for 4-bit weights of layers on float activations; 0: a "
         "channel's"},
        {"method", std::string(),
         "minmax, moving-average, percentile, mse or entropy: ranges of activations; empty: what "
         "they were calibrated for"},
        {"symmetric", false, "activations have no zero points other than the middle"},
        {"boundary", std::string("float"),
         "inputs and outputs of the model: float, quantized, or rounded: floats with values that "
         "integers stand for"},
        {"only-if-faster", true,
         "layers stay in floating point where the target's cost model expects no gain"}}});

  registry.add(
      {"narrow-floats",
       "Stores weights and activations as f16 or bf16; ops compute in f32 and round once.",
       narrowFloats,
       {{"to", std::string("f16"), "f16 or bf16"},
        {"watch", false,
         "for f16: run the model on the calibration samples, or else on random inputs, and "
         "tell which values leave f16; on samples, these stay in f32"}}});

  // rounding and bias
  registry.add(
      {"adaround",
       "Rounds quantised weights up or down such that their layer's output on calibration data "
       "stays close to float.",
       adaRound,
       {{"method", std::string("columns"),
         "soft: AdaRound's gradient descent; columns: one column after the other, then single "
         "steps, which is faster and as a rule better; best: for each layer the better one"},
        {"samples", int64_t{256}, "calibration samples to look at"},
        {"columns", int64_t{8192}, "positions of a layer's result to look at"},
        {"fit", true,
         "with damping: round weights that are fitted to the float outputs on the quantised "
         "inputs, not the float weights"},
        {"damping", 0.0,
         "how strongly float weights hold where there is no data; 0: for each layer what does "
         "best on samples that are held out"},
        {"iterations", int64_t{500}, "of soft"},
        {"rate", 0.1, "of Adam, in soft"},
        {"lambda", 0.3, "weight of soft's regulariser"},
        {"warm-start", 0.2, "share of soft's iterations without the regulariser"}}});
  registry.add(
      {"power-of-two",
       "Makes quantised weights 0 or signed powers of two with power-of-two scales (INQ).",
       makePowersOfTwo,
       {{"steps", std::string("0.5:0.75:0.875:1"),
         "share of the weights that are powers of two after each step"},
        {"exponents", int64_t{7}, "how many, at most; 8-bit weights hold 7, 4-bit weights 3"},
        {"samples", int64_t{256}, "calibration samples to look at"},
        {"columns", int64_t{8192}, "positions of a layer's result to look at"},
        {"damping", 0.03, "how strongly float weights hold where there is no data"}}});
  registry.add(
      {"correct-bias",
       "Takes the shift of the means that quantisation causes out of the biases.",
       correctBias,
       {{"method", std::string("empirical"),
         "empirical: measured on calibration data; analytic: from the observed means alone"},
        {"samples", int64_t{256}, "calibration samples to look at"},
        {"sequential", true,
         "each layer is measured with the corrected ones before it, or else all at a time"},
        {"sweeps", int64_t{1}, "how often all layers are corrected"}}});
}

} // namespace edgecc
