#include "bench/accuracy/Statistics.h"
#include "bench/accuracy/scenarios/Scenarios.h"
#include "bench/accuracy/score/Scores.h"

#include <fstream>

namespace edgecc::bench {

static Expected<nlohmann::json> readBaselines(const std::filesystem::path &shared) {
  std::filesystem::path path = shared / "models" / "baselines.json";
  std::ifstream file(path);
  nlohmann::json json = nlohmann::json::parse(file, nullptr, false);
  if (json.is_discarded() || !json.contains("results"))
    return error("cannot read the baselines", path.string(),
                 "name the folder with models and images with --shared");
  return json["results"];
}

// Share of right answers over all labelled pictures: nothing is calibrated here.
static Expected<double> top1(const Workbench &bench, const Task &task, const std::string &model,
                             size_t &pictures) {
  EDGECC_TRY(compiled, bench.compile(bench.options(model), nullptr));
  EDGECC_TRY(samples, makeSamples(task, bench.settings().shared, compiled.model.inputs()));
  size_t limit = bench.settings().limit;
  pictures = limit ? std::min(limit, samples->size()) : samples->size();
  size_t right = 0;
  for (size_t i = 0; i < pictures; ++i) {
    EDGECC_TRY(inputs, samples->inputs(i));
    EDGECC_CHECK(compiled.model.setInput(0, inputs[0]));
    EDGECC_CHECK(compiled.model.run());
    Tensor scores = compiled.model.output(0);
    int64_t best = 0;
    for (int64_t k = 1; k < scores.elements(); ++k)
      if (scores.asDouble(k) > scores.asDouble(best))
        best = k;
    right += best == samples->label(i) + task.firstClass;
  }
  return 100.0 * static_cast<double>(right) / static_cast<double>(pictures);
}

Expected<Tables> runFloat(const Workbench &bench) {
  EDGECC_TRY(baselines, readBaselines(bench.settings().shared));
  Table table("Top-1 (%) of models as they are, even and odd pictures",
              {{"model", "model"},
               {"pictures", "pictures"},
               {"edgecc", "edgecc"},
               {"baseline", "ONNX Runtime"},
               {"difference", "difference"}});
  for (const Task &task : tasks()) {
    if (task.scoring != Scoring::Labels)
      continue;
    for (const char *model : {task.model, task.published}) {
      if (!model || !bench.isWanted(model))
        continue;
      size_t pictures = 0;
      EDGECC_TRY(value, top1(bench, task, model, pictures));
      double baseline = 100 * baselines[model].value("top1", 0.0);
      table.add({{"model", model},
                 {"pictures", pictures},
                 {"edgecc", value},
                 {"baseline", baseline},
                 {"difference", value - baseline}});
    }
  }
  return Tables{table};
}

} // namespace edgecc::bench
