#include "bench/accuracy/scenarios/Scenarios.h"

#include <fmt/format.h>

namespace edgecc::bench {

// The bytes of a blob from two compiles with one thread and one with two.
Expected<Tables> runReproducible(const Workbench &bench) {
  Table table("Bytes of the compressed model from two runs, and with one thread and two",
              {{"model", "model"},
               {"recipe", "recipe"},
               {"bytes", "bytes"},
               {"runs", "same in two runs"},
               {"threads", "same with two threads"}});
  std::vector<std::pair<const char *, CompressionRecipe>> recipes(3);
  recipes[0].first = "int8";
  recipes[0].second.quantize = "int8";
  recipes[1].first = "int4, AdaRound";
  recipes[1].second.quantize = "int4";
  recipes[1].second.rounding = "adaround";
  recipes[2].first = "prune 30 %, int8";
  recipes[2].second.prune = "macs:0.3";
  recipes[2].second.quantize = "int8";
  bool chosen = !bench.settings().models.empty();
  for (const Task &task : tasks()) {
    bool byDefault = task.scoring == Scoring::Labels || task.scoring == Scoring::Faces;
    if (!(chosen ? bench.isWanted(task.model) : byDefault))
      continue;
    EDGECC_TRY(floating, bench.compile(bench.options(task.model), nullptr));
    EDGECC_TRY(samples, makeSamples(task, bench.settings().shared, floating.model.inputs()));
    Split split(samples, bench.settings().limit ? bench.settings().limit : 64);
    for (const auto &[name, recipe] : recipes) {
      auto bytes = [&](unsigned threads) {
        driver::CompileOptions options = bench.options(task.model);
        options.compress.recipe = recipe;
        options.threads = threads;
        Split::Calibration even = split.calibration(bench.settings().calibrate);
        return bench.compileToBytes(std::move(options), &even);
      };
      auto first = bytes(1);
      if (!first) {
        table.note(fmt::format("{}, {}: {}", task.model, name, str(first.error())));
        continue;
      }
      EDGECC_TRY(second, bytes(1));
      EDGECC_TRY(parallel, bytes(2));
      table.add({{"model", task.model},
                 {"recipe", name},
                 {"bytes", first->size()},
                 {"runs", *first == second},
                 {"threads", *first == parallel},
                 {"meets", *first == second && *first == parallel}});
    }
  }
  return Tables{table};
}

} // namespace edgecc::bench
