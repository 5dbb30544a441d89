#include "bench/accuracy/Profile.h"
#include "bench/accuracy/scenarios/Scenarios.h"

#include <fmt/format.h>

namespace edgecc::bench {

namespace {

std::string namesOf(const std::vector<const LayerTime *> &layers) {
  std::string out;
  for (const LayerTime *layer : layers)
    out += (out.empty() ? "" : "; ") + layer->op;
  return out;
}

uint64_t macsOf(const std::vector<const LayerTime *> &layers) {
  uint64_t macs = 0;
  for (const LayerTime *layer : layers)
    macs += layer->macs;
  return macs;
}

} // namespace

// Pairs of layers with multiply-accumulates: how many are slower in the compressed form, by more
// than a measurement may err.
Expected<Tables> runLayers(const Workbench &bench) {
  constexpr double kNoise = 1.05, kNoiseNanoseconds = 1000;
  Table models("Time of int8 layers against float, same ONNX nodes (5 % and 1 us are noise)",
               {{"model", "model"},
                {"pairs", "layers with MACs"},
                {"slower", "slower"},
                {"faster", "total, times faster"},
                {"meets", "on target"}});
  Table layers("Layers that are slower", {{"model", "model"},
                                          {"float", "float"},
                                          {"int8", "int8"},
                                          {"macs", "MACs"},
                                          {"float_us", "float us", 1},
                                          {"int8_us", "int8 us", 1}});
  for (const Task &task : tasks()) {
    if (!bench.isWanted(task.model))
      continue;
    EDGECC_TRY(prepared, bench.prepare(task));
    CompressionRecipe recipe = bench.settings().base;
    recipe.quantize = "int8";
    auto int8 = bench.compress(prepared, recipe);
    if (!int8) {
      models.note(fmt::format("{}: {}", task.model, str(int8.error())));
      continue;
    }
    EDGECC_TRY(inputs, prepared.split.scored().inputs(0));
    Compiled *both[] = {&prepared.floating, &*int8};
    EDGECC_TRY(times, profile(both, inputs, bench.settings().rounds));
    size_t pairs = 0, slower = 0;
    double before = 0, after = 0;
    for (const LayerPair &pair : pairLayers(times[0], times[1])) {
      before += pair.firstNanoseconds();
      after += pair.secondNanoseconds();
      if (macsOf(pair.second) == 0 || pair.first.empty())
        continue;
      ++pairs;
      if (pair.secondNanoseconds() <= kNoise * pair.firstNanoseconds() + kNoiseNanoseconds)
        continue;
      ++slower;
      layers.add({{"model", task.model},
                  {"float", namesOf(pair.first)},
                  {"int8", namesOf(pair.second)},
                  {"macs", macsOf(pair.second)},
                  {"float_us", pair.firstNanoseconds() / 1e3},
                  {"int8_us", pair.secondNanoseconds() / 1e3}});
    }
    models.add({{"model", task.model},
                {"pairs", pairs},
                {"slower", slower},
                {"faster", before / after},
                {"meets", slower == 0}});
  }
  return Tables{models, layers};
}

} // namespace edgecc::bench
