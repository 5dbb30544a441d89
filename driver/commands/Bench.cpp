// edgecc bench: how long a blob takes to load and to run, and what memory it needs.
#include "driver/Arguments.h"
#include "driver/Console.h"
#include "driver/RuntimeModel.h"
#include "frontend/io/TensorPb.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>

namespace edgecc::driver {

namespace {

using Clock = std::chrono::steady_clock;

double nanoseconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::nano>(to - from).count();
}

// Resident memory of this process in bytes; 0 where /proc does not say.
int64_t residentBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:"))
      return std::stoll(line.substr(6)) * 1024;
  return 0;
}

struct BenchOptions {
  std::string blob, json, testData;
  unsigned threads = 1, runs = 20;
};

Expected<void> execute(const BenchOptions &o) {
  int64_t before = residentBytes();
  auto start = Clock::now();
  EDGECC_TRY(model, RuntimeModel::load(o.blob, o.threads));
  auto loaded = Clock::now();
  if (!o.testData.empty()) {
    EDGECC_TRY(tensors, readTestData(o.testData, "input"));
    for (unsigned i = 0; i < tensors.size() && i < model.inputs().size(); ++i)
      EDGECC_CHECK(model.setInput(i, tensors[i].tensor));
  } else {
    // Zeros: the time of the kernels does not depend on the values.
    for (unsigned i = 0; i < model.inputs().size(); ++i)
      EDGECC_CHECK(
          model.setInput(i, Tensor(model.inputs()[i].type.dtype, model.inputs()[i].type.dims)));
  }
  auto ready = Clock::now();
  EDGECC_CHECK(model.run());
  auto first = Clock::now();
  std::vector<double> times;
  for (unsigned i = 0; i < o.runs; ++i) {
    auto begin = Clock::now();
    EDGECC_CHECK(model.run());
    times.push_back(nanoseconds(begin, Clock::now()));
  }
  std::sort(times.begin(), times.end());
  double median = times[times.size() / 2], least = times.front();
  int64_t memory = residentBytes() - before;
  size_t arena = edgecc_model_arena_size(model.model(), o.threads);
  size_t weights = edgecc_model_weights_size(model.model());
  fmt::print("median {}  min {}  ({} runs, {} thread{})\n", formatTime(median), formatTime(least),
             o.runs, o.threads, o.threads == 1 ? "" : "s");
  fmt::print("load {}  first run {}  memory {} (weights {}, arena {})\n",
             formatTime(nanoseconds(start, loaded)), formatTime(nanoseconds(ready, first)),
             formatBytes(static_cast<double>(memory)), formatBytes(static_cast<double>(weights)),
             formatBytes(static_cast<double>(arena)));
  if (o.json.empty())
    return {};
  nlohmann::json json = {{"blob", o.blob},
                         {"threads", o.threads},
                         {"runs", o.runs},
                         {"median_ns", median},
                         {"min_ns", least},
                         {"load_ns", nanoseconds(start, loaded)},
                         {"first_run_ns", nanoseconds(ready, first)},
                         {"memory_bytes", memory},
                         {"weights_bytes", weights},
                         {"arena_bytes", arena}};
  std::ofstream out(o.json);
  out << json.dump(2) << '\n';
  if (!out.flush())
    return error("cannot write the results", o.json);
  return {};
}

} // namespace

int benchCommand(int argc, char **argv) {
  CLI::App app("Measures load time, run time and memory of a compiled model.", "edgecc bench");
  BenchOptions options;
  app.add_option("blob", options.blob, "compiled model")->required();
  app.add_option("--threads", options.threads, "threads to run on")->capture_default_str();
  app.add_option("--runs", options.runs, "timed runs")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1000000u));
  app.add_option("--test-data", options.testData, "folder with input_J.pb; without it zeros");
  app.add_option("--json", options.json, "write the results there for scripts");
  if (auto exit = parseArguments(app, argc, argv))
    return *exit;
  auto result = execute(options);
  return result ? kSuccess : report(result.error());
}

} // namespace edgecc::driver
