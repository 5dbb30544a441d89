#include "bench/devices/Models.h"

#include "backends/reference/ReferenceExecutor.h"
#include "bench/devices/Prepare.h"
#include "driver/Load.h"
#include "frontend/io/TensorPb.h"
#include "tests/support/EmulatedModel.h"
#include "tests/support/OneSample.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>

namespace edgecc::bench {

namespace {

struct Outcome {
  std::string verdict; // "equal", "not run", or how it differs
  bool isWrong = false;
  size_t hostOps = 0, conversions = 0;
  unsigned contexts = 1;
  double latencyMs = 0, fps = 0, mapSeconds = 0;
  double estimateError = 0; // of latency and frame rate, the larger one, as a factor - 1
  double toFloatDb = 0;     // of the worst output against the float model
};

// Ratio in dB of the power of `want` to that of the difference; at most kExactDb, which stands for
// equal.
constexpr double kExactDb = 200;
double signalToNoise(const Tensor &got, const Tensor &want) {
  double signal = 0, noise = 0;
  for (int64_t k = 0; k < want.elements(); ++k) {
    double a = got.asDouble(k), b = want.asDouble(k);
    signal += b * b;
    noise += (a - b) * (a - b);
  }
  return noise == 0 ? kExactDb : std::min(kExactDb, 10 * std::log10(signal / noise));
}

std::string difference(std::span<const Tensor> got, std::span<const Tensor> want) {
  for (size_t i = 0; i < want.size(); ++i) {
    if (got[i] == want[i])
      continue;
    int64_t count = 0;
    double largest = 0;
    for (int64_t k = 0; k < want[i].elements(); ++k)
      if (double a = got[i].asDouble(k), b = want[i].asDouble(k); a != b && !(a != a && b != b)) {
        ++count;
        largest = std::max(largest, std::abs(a - b));
      }
    if (count > 0)
      return fmt::format("output {}: {} of {} elements differ, by up to {:.3g}", i, count,
                         want[i].elements(), largest);
  }
  for (const Tensor &tensor : want)
    for (int64_t k = 0; isFloat(tensor.dtype()) && k < tensor.elements(); ++k)
      if (double value = tensor.asDouble(k); value != value)
        return "equal, and both hold NaN";
  return "equal";
}

Expected<Outcome> runModel(const emulator::DeviceT &device, const std::filesystem::path &file,
                           bool numerics) {
  driver::LoadOptions load;
  load.shapesFrom = file.parent_path() / "test_data_set_0";
  EDGECC_TRY(module, driver::loadModule(file, load));
  std::vector<Tensor> inputs, floats;
  std::optional<test::OneSample> sample;
  if (numerics) {
    EDGECC_TRY(data, readTestData(load.shapesFrom, "input"));
    for (const auto &each : data)
      inputs.push_back(each.tensor);
    EDGECC_TRY(results, ReferenceExecutor().run(module->main(), inputs));
    floats = std::move(results);
    sample.emplace(inputs);
  }
  EDGECC_TRY(lowered, lowerFor(device, std::move(module), true, sample ? &*sample : nullptr));
  Outcome out;
  auto start = std::chrono::steady_clock::now();
  EDGECC_TRY(code, device::mapFunction(lowered->main(), device, {}));
  out.mapSeconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (const device::HostPart &part : code.hostParts)
    for (const std::string &reason : part.reasons)
      ++(reason.starts_with("converted") ? out.conversions : out.hostOps);
  auto measured = emulator::measure(code.program);
  if (!measured)
    return error("the emulator refuses the program: " + measured.error().message);
  out.latencyMs = measured->latencyUs / 1e3;
  out.fps = measured->fps;
  out.contexts = measured->contexts;
  if (const auto *estimate = code.program.estimate.get(); estimate && out.fps > 0)
    out.estimateError =
        std::exp(std::max(std::abs(std::log(estimate->fps / out.fps)),
                          std::abs(std::log(estimate->latency_ms / out.latencyMs)))) -
        1;
  out.verdict = "not run";
  if (!numerics)
    return out;
  EDGECC_TRY(want, ReferenceExecutor().run(lowered->main(), inputs));
  EDGECC_TRY(got, test::emulate(*lowered, code, inputs));
  out.verdict = difference(got, want);
  out.isWrong = !out.verdict.starts_with("equal");
  out.toFloatDb = kExactDb;
  for (size_t i = 0; i < floats.size(); ++i)
    out.toFloatDb = std::min(out.toFloatDb, signalToNoise(got[i], floats[i]));
  return out;
}

} // namespace

Expected<bool> compareModels(const ModelsOptions &o) {
  EDGECC_TRY(device, device::loadDevice(o.device));
  std::filesystem::path folder = o.folder;
  std::ifstream file(folder / "models.json");
  auto list = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!list.is_object() || !list.contains("models"))
    return error("there is no list of models", (folder / "models.json").string());
  size_t compiled = 0, equal = 0, tried = 0;
  double worst = 0;
  std::vector<double> ratios;
  fmt::print("{:<32} {:>9} {:>10} {:>4} {:>5} {:>8} {:>6} {:>9}  {}\n", "model", "ms", "fps", "ctx",
             "host", "estimate", "map s", "dB of f32", "against the reference");
  for (const auto &model : list["models"]) {
    std::string name = model["name"];
    if (!o.only.empty() && std::ranges::find(o.only, name) == o.only.end())
      continue;
    ++tried;
    auto outcome = runModel(device, folder / model["file"].get<std::string>(), o.numerics);
    if (!outcome) {
      fmt::print("{:<32} refused: {}\n", name, str(outcome.error()));
      std::fflush(stdout);
      continue;
    }
    ++compiled;
    equal += !outcome->isWrong;
    worst = std::max(worst, outcome->estimateError);
    fmt::print("{:<32} {:>9.2f} {:>10.1f} {:>4} {:>5} {:>7.1f}% {:>6.1f} {:>9}  {}\n", name,
               outcome->latencyMs, outcome->fps, outcome->contexts, outcome->hostOps,
               100 * outcome->estimateError, outcome->mapSeconds,
               o.numerics ? fmt::format("{:.1f}", outcome->toFloatDb) : "-", outcome->verdict);
    if (o.numerics)
      ratios.push_back(outcome->toFloatDb);
    std::fflush(stdout);
  }
  fmt::print("{} of {} compile for {}; {} of them {}; estimates within {:.1f} % of the emulator\n",
             compiled, tried, device.name, equal, o.numerics ? "equal the reference" : "not run",
             100 * worst);
  std::ranges::sort(ratios);
  if (!ratios.empty())
    fmt::print("against the float models: {:.1f} dB at least, median {:.1f} dB\n", ratios.front(),
               ratios[ratios.size() / 2]);
  return equal == compiled;
}

} // namespace edgecc::bench
