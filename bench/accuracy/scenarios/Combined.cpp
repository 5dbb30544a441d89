#include "bench/accuracy/Statistics.h"
#include "bench/accuracy/scenarios/Scenarios.h"
#include "bench/accuracy/score/Scores.h"

#include <fmt/format.h>

namespace edgecc::bench {

// Pruning and int8 together: how much smaller and faster, at which loss.
Expected<Tables> runCombined(const Workbench &bench) {
  Table table("Pruned (re-fitted) and quantised to int8, against the float model",
              {{"model", "model"},
               {"removed", "MACs removed %", 0},
               {"smaller", "weights, times smaller"},
               {"arena", "arena, times smaller"},
               {"faster", "times faster"},
               {"float", "float top-1 %"},
               {"top1", "top-1 %"},
               {"loss", "change"}});
  for (const Task &task : tasks()) {
    if (task.scoring != Scoring::Labels || !bench.isWanted(task.model))
      continue;
    EDGECC_TRY(prepared, bench.prepare(task));
    const auto &scored = prepared.split.scored();
    EDGECC_TRY(inputs, scored.inputs(0));
    EDGECC_TRY(floating, scoreClasses(task, scored, prepared.reference, prepared.reference));
    for (int percent : {0, 20, 30, 50}) {
      CompressionRecipe recipe = bench.settings().base;
      recipe.quantize = "int8";
      if (percent)
        recipe.prune = fmt::format("macs:{}", percent / 100.0);
      auto compiled = bench.compress(prepared, recipe);
      if (!compiled) {
        table.note(fmt::format("{}, {} %: {}", task.model, percent, str(compiled.error())));
        continue;
      }
      EDGECC_TRY(outputs, bench.run(*compiled, scored));
      EDGECC_TRY(classes, scoreClasses(task, scored, prepared.reference, outputs));
      Compiled *both[] = {&prepared.floating, &*compiled};
      EDGECC_TRY(times, bench.time(both, inputs));
      const driver::CompileSummary &before = prepared.floating.summary, &after = compiled->summary;
      auto ratio = [](int64_t a, int64_t b) {
        return static_cast<double>(a) / static_cast<double>(b);
      };
      table.add({{"model", task.model},
                 {"removed", std::abs(100 * (1 - ratio(after.macs, before.macs)))},
                 {"smaller", timesSmaller(prepared.floating, *compiled)},
                 {"arena", ratio(before.arenaBytes, after.arenaBytes)},
                 {"faster", times[0] / times[1]},
                 {"float", mean(floating.right)},
                 {"top1", mean(classes.right)},
                 {"loss", mean(classes.right) - mean(floating.right)}});
    }
  }
  return Tables{table};
}

} // namespace edgecc::bench
