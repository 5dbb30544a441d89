#include "bench/accuracy/Statistics.h"
#include "bench/accuracy/scenarios/Scenarios.h"
#include "bench/accuracy/score/Scores.h"

namespace edgecc::bench {

// 4-bit weights, rounded to nearest and by AdaRound (Nagel et al., 2020).
Expected<Tables> runAdaRound(const Workbench &bench) {
  Table table("4-bit weights and 8-bit activations: rounding to nearest against AdaRound",
              {{"model", "model"},
               {"float", "float top-1 %"},
               {"nearest", "nearest"},
               {"adaround", "AdaRound"},
               {"gain", "gain"},
               {"nearest_sqnr", "nearest SQNR dB"},
               {"adaround_sqnr", "AdaRound"},
               {"sqnr_gain", "gain"},
               {"seconds", "compile s", 0},
               {"meets", "on target"}});
  for (const Task &task : tasks()) {
    if (task.scoring != Scoring::Labels || !bench.isWanted(task.model))
      continue;
    EDGECC_TRY(prepared, bench.prepare(task));
    const auto &scored = prepared.split.scored();
    EDGECC_TRY(floating, scoreClasses(task, scored, prepared.reference, prepared.reference));
    double top1[2], sqnr[2], seconds = 0;
    for (bool adaptive : {false, true}) {
      CompressionRecipe recipe = bench.settings().base;
      recipe.quantize = "int4";
      recipe.rounding = adaptive ? "adaround" : "nearest";
      recipe.onlyIfFaster = false; // all layers are to be compared
      EDGECC_TRY(compiled, bench.compress(prepared, recipe));
      EDGECC_TRY(outputs, bench.run(compiled, scored));
      EDGECC_TRY(classes, scoreClasses(task, scored, prepared.reference, outputs));
      EDGECC_TRY(agreement, scoreAgreement(prepared.reference, outputs));
      top1[adaptive] = mean(classes.right);
      sqnr[adaptive] = agreement.sqnr;
      seconds = compiled.summary.seconds;
    }
    table.add({{"model", task.model},
               {"float", mean(floating.right)},
               {"nearest", top1[0]},
               {"adaround", top1[1]},
               {"gain", top1[1] - top1[0]},
               {"nearest_sqnr", sqnr[0]},
               {"adaround_sqnr", sqnr[1]},
               {"sqnr_gain", sqnr[1] - sqnr[0]},
               {"seconds", seconds},
               {"meets", top1[1] > top1[0] && sqnr[1] > sqnr[0]}});
  }
  return Tables{table};
}

} // namespace edgecc::bench
