#include "bench/accuracy/Workbench.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fmt/format.h>
#include <fstream>
#include <unistd.h>

namespace edgecc::bench {

namespace fs = std::filesystem;

double timesSmaller(const Compiled &floating, const Compiled &compressed) {
  return static_cast<double>(floating.summary.parameterBytes) /
         static_cast<double>(compressed.summary.weightsBytes);
}

bool Workbench::isWanted(const std::string &model) const {
  return settings_.models.empty() || std::find(settings_.models.begin(), settings_.models.end(),
                                               model) != settings_.models.end();
}

fs::path Workbench::modelFile(const std::string &model) const {
  return settings_.shared / "models" / model / "model.onnx";
}

driver::CompileOptions Workbench::options(const std::string &model) const {
  driver::CompileOptions options;
  options.input = modelFile(model);
  options.shapesFrom = settings_.shared / "models" / model / "test_data_set_1";
  if (!fs::exists(options.shapesFrom))
    options.shapesFrom = settings_.shared / "models" / model / "test_data_set_0";
  options.output = fs::temp_directory_path() / fmt::format("edgecc-accuracy-{}.blob", getpid());
  options.cpu = settings_.cpu;
  options.quiet = true;
  return options;
}

Expected<Compiled> Workbench::compile(driver::CompileOptions options,
                                      DataSource *calibration) const {
  options.compress.data = calibration;
  EDGECC_TRY(summary, driver::compileModel(options));
  auto model = driver::RuntimeModel::load(options.output, settings_.threads);
  std::error_code ignored;
  fs::remove(options.output, ignored); // it stays mapped
  if (!model)
    return tl::unexpected(model.error());
  return Compiled{std::move(*model), std::move(summary)};
}

Expected<std::string> Workbench::compileToBytes(driver::CompileOptions options,
                                                DataSource *calibration) const {
  options.compress.data = calibration;
  EDGECC_CHECK(driver::compileModel(options));
  std::ifstream file(options.output, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  std::error_code ignored;
  fs::remove(options.output, ignored);
  return bytes;
}

Expected<Compiled> Workbench::compress(const Prepared &prepared,
                                       const CompressionRecipe &recipe) const {
  driver::CompileOptions asked = options(prepared.task->model);
  asked.compress.recipe = recipe;
  asked.compress.pruningCurves = prepared.curves;
  Split::Calibration even = prepared.split.calibration(settings_.calibrate);
  return compile(std::move(asked), &even);
}

Expected<Prepared> Workbench::prepare(const Task &task) const {
  EDGECC_TRY(floating, compile(options(task.model), nullptr));
  EDGECC_TRY(samples, makeSamples(task, settings_.shared, floating.model.inputs()));
  // Numbers from comparing outputs settle long before those from counting right answers.
  constexpr size_t kUnlabelled = 64;
  size_t limit = settings_.limit;
  if (limit == 0 && task.scoring != Scoring::Labels)
    limit = kUnlabelled;
  Prepared prepared{&task, std::move(floating), Split(samples, limit), {}};
  EDGECC_TRY(reference, run(prepared.floating, prepared.split.scored()));
  prepared.reference = std::move(reference);
  return prepared;
}

Expected<Outputs> Workbench::run(Compiled &compiled, const Split::Scored &scored) const {
  Outputs out;
  driver::RuntimeModel &model = compiled.model;
  for (size_t i = 0; i < scored.size(); ++i) {
    EDGECC_TRY(inputs, scored.inputs(i));
    for (unsigned k = 0; k < inputs.size(); ++k)
      EDGECC_CHECK(model.setInput(k, inputs[k]));
    EDGECC_CHECK(model.run());
    std::vector<Tensor> &tensors = out.emplace_back();
    for (unsigned k = 0; k < model.outputs().size(); ++k)
      tensors.push_back(model.output(k));
  }
  return out;
}

Expected<std::vector<double>> Workbench::time(std::span<Compiled *const> models,
                                              const std::vector<Tensor> &inputs) const {
  for (Compiled *compiled : models) {
    for (unsigned k = 0; k < inputs.size(); ++k)
      EDGECC_CHECK(compiled->model.setInput(k, inputs[k]));
    EDGECC_CHECK(compiled->model.run()); // warm
  }
  constexpr double kSlice = 1e7; // nanoseconds of one turn at least
  std::vector<double> least(models.size(), INFINITY);
  for (size_t round = 0; round < settings_.rounds; ++round)
    for (size_t i = 0; i < models.size(); ++i) {
      EDGECC_CHECK(models[i]->model.run()); // the others' weights are in the caches
      double spent = 0;
      while (spent < kSlice) {
        auto start = std::chrono::steady_clock::now();
        EDGECC_CHECK(models[i]->model.run());
        double taken =
            std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start)
                .count();
        least[i] = std::min(least[i], taken);
        spent += taken;
      }
    }
  return least;
}

} // namespace edgecc::bench
