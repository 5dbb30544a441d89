#include "driver/device/explore/Sweep.h"

#include "driver/CompileModel.h"
#include "driver/Console.h"
#include "driver/device/DeviceArtifact.h"
#include "frontend/io/MappedFile.h"

#include <algorithm>
#include <atomic>
#include <fmt/format.h>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace edgecc::driver {

namespace {

using nlohmann::json;

json toJson(const SweepResult &result, const std::string &key) {
  json out = {{"key", key},
              {"point", result.point},
              {"failure", result.failure},
              {"latency_ms", result.latencyMs},
              {"fps", result.fps},
              {"energy_mj", result.energyMj},
              {"bytes_per_frame", result.bytesPerFrame},
              {"peak_bytes", result.peakBytes},
              {"file_bytes", result.fileBytes},
              {"contexts", result.contexts},
              {"bottleneck", result.bottleneck}};
  if (result.score)
    out["score"] = *result.score;
  return out;
}

// Nothing if the line is not what toJson writes: an interrupted run may leave half of one.
std::optional<std::pair<std::string, SweepResult>> fromJson(const std::string &line) {
  json in = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!in.is_object())
    return std::nullopt;
  try {
    SweepResult result;
    result.point = in.at("point").get<SweepPoint>();
    result.failure = in.at("failure").get<std::string>();
    result.latencyMs = in.at("latency_ms").get<double>();
    result.fps = in.at("fps").get<double>();
    result.energyMj = in.at("energy_mj").get<double>();
    result.bytesPerFrame = in.at("bytes_per_frame").get<double>();
    result.peakBytes = in.at("peak_bytes").get<double>();
    result.fileBytes = in.at("file_bytes").get<double>();
    result.contexts = in.at("contexts").get<unsigned>();
    result.bottleneck = in.at("bottleneck").get<std::string>();
    if (in.contains("score"))
      result.score = in.at("score").get<double>();
    return std::pair(in.at("key").get<std::string>(), std::move(result));
  } catch (const json::exception &) {
    return std::nullopt;
  }
}

uint64_t hashOf(const MappedFile &file) {
  return XXH3_64bits(file.bytes().data(), file.bytes().size());
}

// Whatever else the results depend on: the model's bytes and the options that do not vary.
Expected<std::string> contextOf(const SweepOptions &o) {
  EDGECC_TRY(file, MappedFile::open(o.base.input));
  auto device = MappedFile::open(o.base.target); // a description of the user's, or a name
  return fmt::format("{:016x} {:016x} {} {}", hashOf(*file), device ? hashOf(**device) : 0,
                     o.context, EDGECC_VERSION);
}

std::string keyOf(const SweepPoint &point, const std::string &context) {
  std::string key = context;
  for (const auto &[axis, value] : point)
    key += fmt::format(" {}={}", axis, value);
  return key;
}

SweepResult compileOne(const CompileOptions &base, const SweepPoint &point, size_t index) {
  SweepResult result;
  result.point = point;
  auto options = apply(base, point);
  if (!options) {
    result.failure = str(options.error());
    return result;
  }
  options->quiet = true;
  options->threads = 1;
  options->output = std::filesystem::temp_directory_path() /
                    fmt::format("edgecc-explore-{}-{}.blob", getpid(), index);
  auto summary = compileModel(*options);
  std::error_code ignored;
  std::filesystem::remove(options->output, ignored);
  if (!summary) {
    result.failure = str(summary.error());
    return result;
  }
  if (summary->score)
    result.score = summary->score->compressed;
  result.fileBytes = static_cast<double>(summary->codeAndWeightsBytes);
  if (!summary->deviceRun)
    return result;
  const emulator::RunReport &run = *summary->deviceRun;
  result.latencyMs = run.latencyUs / 1e3;
  result.fps = run.fps;
  result.energyMj = run.energyUj / 1e3;
  result.contexts = run.contexts;
  result.bottleneck = run.bottleneck;
  double fullest = 0;
  for (const emulator::MemoryUse &memory : run.memories) {
    result.bytesPerFrame += static_cast<double>(memory.read + memory.written);
    double full = memory.capacity
                      ? static_cast<double>(memory.peak) / static_cast<double>(memory.capacity)
                      : 0;
    if (full > fullest) {
      fullest = full;
      result.peakBytes = static_cast<double>(memory.peak);
    }
  }
  return result;
}

} // namespace

Expected<std::vector<SweepResult>> sweep(const SweepOptions &o) {
  EDGECC_TRY(points, pointsOf(o.axes));
  for (const SweepPoint &point : points)
    EDGECC_CHECK(apply(o.base, point)); // values that no compile could take
  EDGECC_TRY(context, contextOf(o));
  std::map<std::string, SweepResult> known;
  if (!o.results.empty()) {
    std::ifstream file(o.results);
    for (std::string line; std::getline(file, line);)
      if (auto result = fromJson(line))
        known.insert(std::move(*result));
  }
  std::ofstream out;
  if (!o.results.empty()) {
    out.open(o.results, std::ios::app);
    if (!out)
      return error("cannot write the results", o.results.string());
    out << '\n'; // ends what an interrupted run may have left
  }
  std::vector<SweepResult> results(points.size());
  std::vector<size_t> open;
  for (size_t i = 0; i < points.size(); ++i)
    if (auto found = known.find(keyOf(points[i], context)); found != known.end())
      results[i] = found->second;
    else
      open.push_back(i);

  Progress progress(!o.base.quiet);
  std::mutex mutex; // of `out` and `progress`
  std::atomic<size_t> next = 0;
  size_t done = 0;
  auto work = [&] {
    for (size_t at = next++; at < open.size(); at = next++) {
      size_t index = open[at];
      results[index] = compileOne(o.base, points[index], index);
      std::lock_guard lock(mutex);
      if (out.is_open())
        out << toJson(results[index], keyOf(points[index], context))
                   .dump(-1, ' ', false, json::error_handler_t::replace)
            << std::endl; // a line that is there has been measured
      progress.advance("exploring", ++done, open.size());
    }
  };
  unsigned jobs = o.jobs ? o.jobs : std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < std::min<size_t>(jobs, open.size()); ++i)
    threads.emplace_back(work);
  work();
  for (std::thread &thread : threads)
    thread.join();
  return results;
}

std::vector<size_t> paretoFront(const std::vector<SweepResult> &results) {
  auto beats = [](const SweepResult &a, const SweepResult &b) {
    double scoreA = a.score.value_or(0), scoreB = b.score.value_or(0);
    bool isNowhereWorse = a.latencyMs <= b.latencyMs && a.fps >= b.fps &&
                          a.energyMj <= b.energyMj && scoreA >= scoreB;
    bool isBetter =
        a.latencyMs < b.latencyMs || a.fps > b.fps || a.energyMj < b.energyMj || scoreA > scoreB;
    return isNowhereWorse && isBetter;
  };
  std::vector<size_t> front;
  for (size_t i = 0; i < results.size(); ++i)
    if (results[i].failure.empty() && std::ranges::none_of(results, [&](const SweepResult &other) {
          return other.failure.empty() && beats(other, results[i]);
        }))
      front.push_back(i);
  return front;
}

} // namespace edgecc::driver
