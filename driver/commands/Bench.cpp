// edgecc bench: how long a blob takes to load and to run, and what memory it needs.
#include "driver/Arguments.h"
#include "driver/Console.h"
#include "driver/RuntimeModel.h"
#include "driver/WorkBalance.h"
#include "frontend/io/MappedFile.h"
#include "frontend/io/TensorPb.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace edgecc::driver {

namespace {

using Clock = std::chrono::steady_clock;

double nanoseconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::nano>(to - from).count();
}

// Processor time of this process, all threads.
double processorNanoseconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// Resident memory of this process in bytes; 0 where /proc does not say.
int64_t residentBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:"))
      return std::stoll(line.substr(6)) * 1024;
  return 0;
}

// Share of the run time by kind of code: vector kernels, scalar loops, support calls.
struct Shares {
  double kinds[3] = {0, 0, 0};
};

Expected<Shares> profileShares(RuntimeModel &model, unsigned runs) {
  edgecc_context_profile(model.context(), 1);
  for (unsigned i = 0; i < runs; ++i)
    EDGECC_CHECK(model.run());
  Shares shares;
  double total = 0;
  for (uint32_t i = 0; i < edgecc_model_layer_count(model.model()); ++i) {
    edgecc_layer_info info{};
    edgecc_layer_profile time{};
    edgecc_model_layer(model.model(), i, &info, sizeof info);
    edgecc_context_layer_profile(model.context(), i, &time, sizeof time);
    shares.kinds[info.kind] += static_cast<double>(time.total_ns);
    total += static_cast<double>(time.total_ns);
  }
  edgecc_context_profile(model.context(), 0);
  for (double &kind : shares.kinds)
    kind = total > 0 ? 100 * kind / total : 0;
  return shares;
}

struct BenchOptions {
  std::string blob, json, testData;
  unsigned threads = 1, runs = 20;
  bool balance = false;
};

Expected<void> writeJson(const std::string &file, const nlohmann::json &json) {
  if (file.empty())
    return {};
  std::string text = json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  return writeFile(file, std::as_bytes(std::span(text)));
}

Expected<void> showBalance(const BenchOptions &o) {
  EDGECC_TRY(balance, measureBalance(o.blob, o.threads, o.runs));
  fmt::print("{} threads at most {:.2f} times as fast: {} of {}, in {} divided kernels\n",
             o.threads, balance.speedUp(), formatTime(balance.longestNs),
             formatTime(balance.wholeNs), balance.parts);
  return writeJson(o.json, {{"blob", o.blob},
                            {"threads", o.threads},
                            {"runs", o.runs},
                            {"speed_up", balance.speedUp()},
                            {"whole_ns", balance.wholeNs},
                            {"longest_ns", balance.longestNs},
                            {"parts", balance.parts}});
}

Expected<void> execute(const BenchOptions &o) {
  int64_t before = residentBytes();
  auto start = Clock::now();
  EDGECC_TRY(model, RuntimeModel::load(o.blob, o.threads));
  auto loaded = Clock::now();
  if (!o.testData.empty()) {
    EDGECC_TRY(tensors, readTestData(o.testData, "input"));
    if (tensors.size() != model.inputs().size())
      return error(fmt::format("the folder has {} inputs, the model {}", tensors.size(),
                               model.inputs().size()),
                   o.testData);
    for (unsigned i = 0; i < tensors.size(); ++i)
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
  double processor = processorNanoseconds();
  for (unsigned i = 0; i < o.runs; ++i) {
    auto begin = Clock::now();
    EDGECC_CHECK(model.run());
    times.push_back(nanoseconds(begin, Clock::now()));
  }
  processor = (processorNanoseconds() - processor) / o.runs;
  std::sort(times.begin(), times.end());
  double median = times[times.size() / 2], least = times.front();
  int64_t memory = residentBytes() - before;
  EDGECC_TRY(shares, profileShares(model, std::min(o.runs, 20u)));
  size_t arena = edgecc_model_arena_size(model.model(), o.threads);
  size_t weights = edgecc_model_weights_size(model.model());
  fmt::print("median {}  min {}  ({} runs, {} thread{})\n", formatTime(median), formatTime(least),
             o.runs, o.threads, o.threads == 1 ? "" : "s");
  fmt::print("load {}  first run {}  memory {} (weights {}, arena {})\n",
             formatTime(nanoseconds(start, loaded)), formatTime(nanoseconds(ready, first)),
             formatBytes(static_cast<double>(memory)), formatBytes(static_cast<double>(weights)),
             formatBytes(static_cast<double>(arena)));
  fmt::print("time in vector kernels {:.1f} %, scalar loops {:.1f} %, support calls {:.1f} %\n",
             shares.kinds[EDGECC_LAYER_VECTOR_KERNEL], shares.kinds[EDGECC_LAYER_SCALAR_LOOP],
             shares.kinds[EDGECC_LAYER_SUPPORT_CALL]);
  return writeJson(o.json, {{"blob", o.blob},
                            {"threads", o.threads},
                            {"runs", o.runs},
                            {"median_ns", median},
                            {"min_ns", least},
                            {"processor_ns", processor},
                            {"load_ns", nanoseconds(start, loaded)},
                            {"first_run_ns", nanoseconds(ready, first)},
                            {"memory_bytes", memory},
                            {"weights_bytes", weights},
                            {"arena_bytes", arena},
                            {"vector_percent", shares.kinds[EDGECC_LAYER_VECTOR_KERNEL]},
                            {"scalar_percent", shares.kinds[EDGECC_LAYER_SCALAR_LOOP]},
                            {"support_percent", shares.kinds[EDGECC_LAYER_SUPPORT_CALL]}});
}

} // namespace

int benchCommand(int argc, char **argv) {
  CLI::App app("Measures load time, run time and memory of a compiled model.", "edgecc bench");
  BenchOptions options;
  app.add_option("blob", options.blob, "compiled model")->type_name("FILE")->required();
  app.add_option("--threads", options.threads, "threads to run on")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--runs", options.runs, "timed runs")
      ->type_name("K")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1000000u));
  app.add_option("--test-data", options.testData, "folder with input_J.pb; without it zeros")
      ->type_name("DIR");
  app.add_flag(
         "--balance", options.balance,
         "how evenly the work divides among --threads: what each would do is run and timed one "
         "after another, on inputs of zeros")
      ->excludes("--test-data");
  app.add_option("--json", options.json, "write the results there for scripts")->type_name("FILE");
  if (auto exit = parseArguments(app, argc, argv))
    return *exit;
  auto result = options.balance ? showBalance(options) : execute(options);
  return result ? kSuccess : report(result.error());
}

} // namespace edgecc::driver
