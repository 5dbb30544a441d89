#include "driver/commands/CompressArguments.h"

#include "driver/compress/Metrics.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace edgecc::driver {

static void declareData(CLI::App &app, CompressOptions &o) {
  app.add_option("--calibrate", o.calibrate,
                 "folder of typical inputs: pictures, .npy or .pb files, test_data_set_* folders; "
                 "random:N tries things out on noise")
      ->type_name("DIR")
      ->group("Compression");
  app.add_option("--calibrate-samples", o.calibrateSamples,
                 "use only N of the samples, spread over the folder")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->group("Compression");
  app.add_option("--ranges", o.recipe.ranges,
                 "how ranges are chosen: minmax, moving-average, percentile, mse or entropy")
      ->type_name("HOW")
      ->check(CLI::IsMember({"minmax", "moving-average", "percentile", "mse", "entropy"}))
      ->group("Compression");
  app.add_option("--save-calibration", o.recipe.saveCalibration, "write what was observed (JSON)")
      ->type_name("FILE")
      ->group("Compression");
  app.add_option("--load-calibration", o.recipe.loadCalibration,
                 "use what an earlier compile of this model observed")
      ->type_name("FILE")
      ->group("Compression");
}

static void declareBudget(CLI::App &app, CompressOptions &o) {
  app.add_option("--max-loss", o.recipe.maxLoss,
                 "fail, or compress less, rather than lose more than P points of the metric; half "
                 "of the samples are set aside to measure it")
      ->type_name("P")
      ->check(CLI::NonNegativeNumber)
      ->group("Compression");
  app.add_option("--max-size", o.recipe.maxSize,
                 "for --quantize auto: weight bytes, as a fraction of the float layers'")
      ->type_name("F")
      ->check(CLI::Range(0.0, 1.0))
      ->group("Compression");
  app.add_option("--max-time", o.recipe.maxTime,
                 "for --quantize auto: estimated time, as a fraction of the float layers'")
      ->type_name("F")
      ->check(CLI::Range(0.0, 1.0))
      ->group("Compression");
  app.add_option("--metric", o.metric,
                 fmt::format("{}; default: agreement of the largest output with the float model's",
                             fmt::join(metricNames(), ", ")))
      ->type_name("NAME")
      ->check(CLI::IsMember(metricNames()))
      ->group("Compression");
  app.add_option("--labels", o.labels,
                 "for top1 and top5: the class of each sample, one a line or FILE<tab>CLASS; for "
                 "psnr: a folder with the wanted output of each")
      ->type_name("FILE")
      ->group("Compression");
}

void declareCompressArguments(CLI::App &app, CompressOptions &o) {
  CompressionRecipe &recipe = o.recipe;
  app.add_option("--quantize", recipe.quantize,
                 "int8, int16 (16-bit activations), int4 (4-bit weights), auto (by layer, within "
                 "--max-loss), w8 or w4 (weights only), dynamic, fp16 or bf16")
      ->type_name("HOW")
      ->check(
          CLI::IsMember({"int8", "int16", "int4", "auto", "w8", "w4", "dynamic", "fp16", "bf16"}))
      ->group("Compression");
  app.add_option("--prune", recipe.prune,
                 "remove channels: macs:0.5 (half of the multiply-accumulates), params:, time: or "
                 "memory: likewise")
      ->type_name("SPEC")
      ->group("Compression");
  app.add_option("--sparsify", recipe.sparsify,
                 "set this fraction of the weights to zero; saves space only where the file is "
                 "compressed")
      ->type_name("F")
      ->check(CLI::Range(0.0, 0.99))
      ->group("Compression");
  declareData(app, o);
  declareBudget(app, o);
  app.add_option("--rounding", recipe.rounding,
                 "of quantised weights: nearest, adaround or power-of-two; default: adaround for "
                 "int8 and int4 with samples, else nearest")
      ->type_name("HOW")
      ->check(CLI::IsMember({"nearest", "adaround", "power-of-two"}))
      ->group("Compression");
  app.add_flag("--per-tensor", recipe.perTensorWeights,
               "one scale for all of a layer's weights instead of one for each output channel")
      ->group("Compression");
  app.add_flag("!--no-equalize", recipe.equalize, "do not equalise channels across layers")
      ->group("Compression");
  app.add_flag("!--no-bias-correction", recipe.correctBias, "do not correct biases")
      ->group("Compression");
  app.add_flag("!--quantize-all", recipe.onlyIfFaster,
               "quantise layers even where that is expected to be slower than float")
      ->group("Compression");
  addRepeatable(app, "--rewrite", recipe.rewrites, "PASS",
                "transposed-conv-to-pixel-shuffle, space-to-depth-input, split-large-kernels or "
                "factorize: forms that suit some hardware better; repeatable")
      ->group("Compression");
  app.add_option("--report", o.reportHtml, "what each layer cost and lost, as a web page")
      ->type_name("FILE")
      ->group("Compression");
  app.add_option("--report-json", o.reportJson, "the same for scripts")
      ->type_name("FILE")
      ->group("Compression");
  declareImageArguments(app, o.image);
}

// The first option that only compression looks at; null if there is none.
static const char *optionOfCompression(const CompressOptions &o) {
  const CompressionRecipe &r = o.recipe;
  const std::pair<const char *, bool> given[] = {
      {"--calibrate", !o.calibrate.empty()},
      {"--max-loss", r.maxLoss >= 0},
      {"--metric", !o.metric.empty()},
      {"--labels", !o.labels.empty()},
      {"--rounding", !r.rounding.empty()},
      {"--ranges", !r.ranges.empty()},
      {"--save-calibration", !r.saveCalibration.empty()},
      {"--load-calibration", !r.loadCalibration.empty()},
  };
  for (const auto &[name, isGiven] : given)
    if (isGiven)
      return name;
  return nullptr;
}

Expected<void> checkCompressArguments(const CompressOptions &o, const std::string &passes) {
  const CompressionRecipe &r = o.recipe;
  if (!passes.empty() && (r.compresses() || optionOfCompression(o)))
    return error("a list of passes takes the place of compression", "--passes",
                 "edgecc opt runs compression passes by name");
  if (const char *option = optionOfCompression(o); option && !r.compresses())
    return error("nothing is to be compressed", option,
                 "give --quantize, --prune, --sparsify or --rewrite, too");
  bool isAutomatic = r.quantize == "auto";
  bool observes =
      isAutomatic || r.quantize == "int8" || r.quantize == "int16" || r.quantize == "int4";
  if (!observes && (!r.saveCalibration.empty() || !r.loadCalibration.empty()))
    return error("compressing this way needs no ranges of activations",
                 r.saveCalibration.empty() ? "--load-calibration" : "--save-calibration",
                 "leave the option out, or use --quantize int8, int16, int4 or auto");
  if (!r.loadCalibration.empty() && (!r.prune.empty() || r.sparsify > 0))
    return error("the ranges in the table are those of the model before weights were removed",
                 "--load-calibration",
                 fmt::format("give --calibrate DIR in place of the table, or leave out {}",
                             r.prune.empty() ? "--sparsify" : "--prune"));
  if (!isAutomatic && (r.maxSize < 1 || r.maxTime < 1))
    return error("a budget is for widths that are chosen by layer",
                 r.maxSize < 1 ? "--max-size" : "--max-time", "use --quantize auto");
  return {};
}

} // namespace edgecc::driver
