#include "backends/reference/ReferenceExecutor.h"
#include "bench/accuracy/Statistics.h"
#include "bench/accuracy/scenarios/Scenarios.h"
#include "bench/accuracy/score/Scores.h"
#include "driver/Load.h"
#include "frontend/onnx/Exporter.h"
#include "passes/PassManager.h"
#include "passes/Pipeline.h"
#include "passes/compress/equalization/Scramble.h"

#include <fmt/format.h>
#include <unistd.h>

namespace edgecc::bench {

namespace {

// The model with badly scaled channels, as ONNX; returns how many channels were scaled.
Expected<size_t> writeScrambled(const driver::CompileOptions &options,
                                const std::filesystem::path &to) {
  // A factor of 1/16 to 16 for each channel.
  constexpr double kMagnitude = 4;
  constexpr uint64_t kSeed = 1;
  driver::LoadOptions load;
  load.shapesFrom = options.shapesFrom;
  EDGECC_TRY(module, driver::loadModule(options.input, load));
  Registry registry;
  registerBuiltinPasses(registry);
  ReferenceExecutor executor;
  PassManagerOptions passes;
  passes.executor = &executor;
  EDGECC_CHECK(runPasses(*module, buildPipeline(registry).portable, passes));
  size_t channels = scaleChannelsRandomly(*module, kSeed, kMagnitude);
  EDGECC_CHECK(exportOnnxFile(*module, to));
  return channels;
}

class Rescue {
public:
  Rescue(const Workbench &bench, Table &table) : bench_(bench), table_(table) {}

  Expected<void> measure(const Task &task, const std::filesystem::path &scrambled) {
    EDGECC_TRY(prepared, bench_.prepare(task));
    EDGECC_TRY(channels, writeScrambled(bench_.options(task.model), scrambled));
    scrambled_ = scrambled;
    EDGECC_TRY(floating, score(prepared, CompressionRecipe{}));
    CompressionRecipe recipe = bench_.settings().base;
    recipe.quantize = "int8";
    recipe.rounding = "nearest"; // what the paper rescues, and what AdaRound would partly do itself
    recipe.perTensorWeights = true;
    recipe.onlyIfFaster = false;
    recipe.equalize = recipe.correctBias = false;
    EDGECC_TRY(plain, score(prepared, recipe));
    recipe.equalize = true;
    EDGECC_TRY(equalized, score(prepared, recipe));
    recipe.correctBias = true;
    EDGECC_TRY(corrected, score(prepared, recipe));
    EDGECC_TRY(before,
               scoreClasses(task, prepared.split.scored(), prepared.reference, prepared.reference));
    bool labelled = task.scoring == Scoring::Labels;
    auto judged = [&](const ClassScores &scores) {
      return mean(labelled ? scores.right : scores.agrees);
    };
    table_.add({{"model", task.model},
                {"channels", channels},
                {"metric", labelled ? "top-1" : "agreement"},
                {"float", judged(before)},
                {"scrambled", judged(floating)},
                {"plain", judged(plain)},
                {"equalized", judged(equalized)},
                {"corrected", judged(corrected)},
                {"meets", judged(corrected) >= judged(before) - 1}});
    return {};
  }

private:
  // Of the scrambled network with a recipe, on the pictures of the plain one.
  Expected<ClassScores> score(const Prepared &prepared, const CompressionRecipe &recipe) const {
    driver::CompileOptions options = bench_.options(prepared.task->model);
    options.input = scrambled_;
    options.shapesFrom.clear();
    options.compress.recipe = recipe;
    Split::Calibration even = prepared.split.calibration(bench_.settings().calibrate);
    EDGECC_TRY(compiled, bench_.compile(std::move(options), &even));
    EDGECC_TRY(outputs, bench_.run(compiled, prepared.split.scored()));
    return scoreClasses(*prepared.task, prepared.split.scored(), prepared.reference, outputs);
  }

  const Workbench &bench_;
  Table &table_;
  std::filesystem::path scrambled_;
};

} // namespace

Expected<Tables> runRescue(const Workbench &bench) {
  Table table("Networks with channels scaled by random factors of 1/16 to 16, int8 with one scale "
              "for each weight tensor (%)",
              {{"model", "model"},
               {"channels", "channels scaled"},
               {"metric", "metric"},
               {"float", "float"},
               {"scrambled", "scaled, float"},
               {"plain", "plain int8"},
               {"equalized", "equalised"},
               {"corrected", "and bias corrected"},
               {"meets", "on target"}});
  bool chosen = !bench.settings().models.empty();
  for (const char *model : {"mobilenetv2_imagenet_fp32", "mlperf_vww_fp32", "mlperf_kws_fp32",
                            "mlperf_resnet8_fp32", "resnet20_cifar10"}) {
    if (chosen && !bench.isWanted(model))
      continue;
    std::filesystem::path scrambled = std::filesystem::temp_directory_path() /
                                      fmt::format("edgecc-accuracy-scaled-{}.onnx", getpid());
    auto done = Rescue(bench, table).measure(*findTask(model), scrambled);
    std::error_code ignored;
    std::filesystem::remove(scrambled, ignored);
    if (!done)
      table.note(fmt::format("{}: {}", model, str(done.error())));
  }
  return Tables{table};
}

} // namespace edgecc::bench
