#include "bench/accuracy/Statistics.h"
#include "bench/accuracy/scenarios/Scenarios.h"
#include "bench/accuracy/score/Scores.h"

#include <fmt/format.h>

namespace edgecc::bench {

namespace {

struct Step {
  int percent = 0;
  Compiled compiled;
  double plain = 0; // top-1 without re-fitting
  double top1 = 0, agreement = 0;
};

class Pruning {
public:
  explicit Pruning(const Workbench &bench) : bench_(bench) {}

  Expected<Tables> run() {
    for (const Task &task : tasks())
      if (task.scoring == Scoring::Labels && bench_.isWanted(task.model))
        EDGECC_CHECK(measure(task));
    return Tables{table_};
  }

private:
  Expected<void> measure(const Task &task) {
    EDGECC_TRY(prepared, bench_.prepare(task));
    std::vector<Step> steps;
    for (int percent : bench_.settings().percents) {
      auto step = prune(prepared, percent);
      if (step)
        steps.push_back(std::move(*step));
      else
        table_.note(fmt::format("{}, {} %: {}", task.model, percent, str(step.error())));
    }
    std::vector<Compiled *> models{&prepared.floating};
    for (Step &step : steps)
      models.push_back(&step.compiled);
    EDGECC_TRY(inputs, prepared.split.scored().inputs(0));
    EDGECC_TRY(times, bench_.time(models, inputs));
    EDGECC_TRY(floating, score(prepared, prepared.reference));
    auto macs = [](const Compiled &one) { return static_cast<double>(one.summary.macs); };
    table_.add({{"model", task.model},
                {"asked", 0},
                {"macs", macs(prepared.floating) / 1e6},
                {"removed", 0},
                {"refitted", floating.top1},
                {"agreement", 100},
                {"milliseconds", times[0] / 1e6},
                {"time", 0}});
    for (size_t i = 0; i < steps.size(); ++i) {
      const Step &step = steps[i];
      constexpr double kNoise = 1.03;
      table_.add({{"model", task.model},
                  {"asked", step.percent},
                  {"macs", macs(step.compiled) / 1e6},
                  {"removed", 100 * (1 - macs(step.compiled) / macs(prepared.floating))},
                  {"plain", step.plain},
                  {"refitted", step.top1},
                  {"agreement", step.agreement},
                  {"milliseconds", times[i + 1] / 1e6},
                  {"time", 100 * (1 - times[i + 1] / times[0])},
                  {"meets", times[i + 1] <= kNoise * times[i]}});
    }
    return {};
  }

  Expected<Step> prune(const Prepared &prepared, int percent) const {
    Step step;
    for (bool refit : {false, true}) {
      CompressionRecipe recipe = bench_.settings().base;
      recipe.prune = fmt::format("macs:{}", percent / 100.0);
      recipe.refit = refit;
      EDGECC_TRY(compiled, bench_.compress(prepared, recipe));
      EDGECC_TRY(outputs, bench_.run(compiled, prepared.split.scored()));
      EDGECC_TRY(scores, score(prepared, outputs));
      if (refit)
        step = {percent, std::move(compiled), step.plain, scores.top1, scores.agreement};
      else
        step.plain = scores.top1;
    }
    return step;
  }

  struct Top1 {
    double top1, agreement;
  };
  static Expected<Top1> score(const Prepared &prepared, const Outputs &outputs) {
    EDGECC_TRY(classes,
               scoreClasses(*prepared.task, prepared.split.scored(), prepared.reference, outputs));
    return Top1{mean(classes.right), mean(classes.agrees)};
  }

  const Workbench &bench_;
  Table table_{"Structured pruning: top-1 (%) and time of one run",
               {{"model", "model"},
                {"asked", "asked %"},
                {"macs", "MMACs"},
                {"removed", "removed %", 1},
                {"plain", "without re-fitting"},
                {"refitted", "re-fitted"},
                {"agreement", "agreement %"},
                {"milliseconds", "ms", 3},
                {"time", "time saved %", 1},
                {"meets", "not slower"}}};
};

} // namespace

Expected<Tables> runPrune(const Workbench &bench) { return Pruning(bench).run(); }

} // namespace edgecc::bench
