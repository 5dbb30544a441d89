#include "bench/accuracy/Profile.h"
#include "bench/accuracy/Statistics.h"
#include "bench/accuracy/scenarios/Scenarios.h"
#include "bench/accuracy/score/Scores.h"
#include "driver/Load.h"

#include <fmt/format.h>

namespace edgecc::bench {

namespace {

// Names of the ONNX nodes that are transposed convolutions, with their descriptions.
Expected<std::vector<std::string>> transposedConvolutions(const std::filesystem::path &file,
                                                          const std::filesystem::path &shapes) {
  driver::LoadOptions options;
  options.shapesFrom = shapes;
  EDGECC_TRY(module, driver::loadModule(file, options));
  std::vector<std::string> nodes;
  for (const auto &function : module->functions())
    walk(function->body, [&](const Op &op) {
      if (op.kind() == OpKind::ConvTranspose)
        nodes.push_back(op.location);
    });
  return nodes;
}

double timeOf(const std::vector<LayerTime> &layers, const std::string &node) {
  double sum = 0;
  for (const LayerTime &layer : layers)
    if (layer.nodes.contains(node))
      sum += layer.nanoseconds;
  return sum;
}

} // namespace

Expected<Tables> runConvTranspose(const Workbench &bench) {
  Table models("Transposed convolutions as convolution and pixel shuffle",
               {{"model", "model"},
                {"error", "largest error / peak", 9},
                {"before_ms", "before ms", 3},
                {"after_ms", "after ms", 3},
                {"faster", "times faster"}});
  Table layers("The same by node (least time of the layers that compute it)",
               {{"model", "model"},
                {"node", "node"},
                {"before_us", "before us", 1},
                {"after_us", "after us", 1},
                {"faster", "times faster"}});
  for (const Task &task : tasks()) {
    if (!bench.isWanted(task.model))
      continue;
    driver::CompileOptions options = bench.options(task.model);
    EDGECC_TRY(nodes, transposedConvolutions(options.input, options.shapesFrom));
    if (nodes.empty())
      continue;
    EDGECC_TRY(prepared, bench.prepare(task));
    CompressionRecipe recipe = bench.settings().base;
    recipe.rewrites = {"transposed-conv-to-pixel-shuffle"};
    auto rewritten = bench.compress(prepared, recipe);
    if (!rewritten) {
      models.note(fmt::format("{}: {}", task.model, str(rewritten.error())));
      continue;
    }
    for (const Note &note : rewritten->summary.notes)
      models.note(fmt::format("{}, {}: {}", task.model, note.layer, note.text));
    EDGECC_TRY(outputs, bench.run(*rewritten, prepared.split.scored()));
    EDGECC_TRY(error, largestError(prepared.reference, outputs));
    EDGECC_TRY(inputs, prepared.split.scored().inputs(0));
    Compiled *both[] = {&prepared.floating, &*rewritten};
    EDGECC_TRY(times, bench.time(both, inputs));
    EDGECC_TRY(profiles, profile(both, inputs, bench.settings().rounds));
    models.add({{"model", task.model},
                {"error", error},
                {"before_ms", times[0] / 1e6},
                {"after_ms", times[1] / 1e6},
                {"faster", times[0] / times[1]}});
    for (const std::string &node : nodes) {
      double before = timeOf(profiles[0], node), after = timeOf(profiles[1], node);
      layers.add({{"model", task.model},
                  {"node", node},
                  {"before_us", before / 1e3},
                  {"after_us", after / 1e3},
                  {"faster", before / after}});
    }
  }
  return Tables{models, layers};
}

} // namespace edgecc::bench
