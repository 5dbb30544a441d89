#include "bench/devices/Published.h"

#include "bench/devices/Prepare.h"
#include "bench/zoo/Zoo.h"
#include "runtime/emulator/Emulator.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fmt/format.h>

namespace edgecc::bench {

namespace {

// The trivial rule for the number of contexts: where it puts the border is published beside the
// rows.
constexpr double kOneContextParameters = 16.5e6;

struct Prediction {
  double latencyMs = 0, fps = 0, estimatedFps = 0, estimatedMs = 0;
  std::optional<double> fpsOfOne; // of a program of several contexts, with batches of one
  unsigned contexts = 1;
  double mapSeconds = 0;
  std::string bottleneck;
  zoo::Size size;
};

// What the rows of a table say, whichever device they are about.
struct Figures {
  std::optional<double> fps, fpsOfOne, latencyMs;
  unsigned units = 0, streams = 0, batch = 1;
};

class Errors {
public:
  void add(const std::string &set, double predicted, double published) {
    Sum &sum = sums_[set];
    sum.logs += std::abs(std::log(predicted / published));
    ++sum.rows;
  }
  void print() const {
    for (const auto &[set, sum] : sums_)
      fmt::print("  {:<40} {:>6.1f} % on {} rows\n", set,
                 100 * (std::exp(sum.logs / static_cast<double>(sum.rows)) - 1), sum.rows);
  }

private:
  struct Sum {
    double logs = 0;
    int64_t rows = 0;
  };
  std::map<std::string, Sum> sums_;
};

Expected<Prediction> predict(const emulator::DeviceT &device, const zoo::Topology &topology,
                             const Figures &figures, bool verbose) {
  Prediction out;
  auto module = topology.build();
  out.size = zoo::sizeOf(*module);
  EDGECC_TRY(lowered, lowerFor(device, std::move(module)));
  device::MapOptions options;
  options.units = figures.units;
  options.streams = figures.streams;
  options.batch = figures.batch;
  auto start = std::chrono::steady_clock::now();
  EDGECC_TRY(code, device::mapFunction(lowered->main(), device, options));
  out.mapSeconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  auto measured = emulator::measure(code.program);
  if (!measured)
    return error(measured.error().message, topology.name);
  out.latencyMs = measured->latencyUs / 1e3;
  out.fps = measured->fps;
  out.contexts = measured->contexts;
  out.bottleneck = measured->bottleneck;
  if (out.contexts > 1) {
    code.program.dataflow->batch = 1;
    if (auto one = emulator::measure(code.program))
      out.fpsOfOne = one->fps;
  }
  if (code.program.estimate) {
    out.estimatedFps = code.program.estimate->fps;
    out.estimatedMs = code.program.estimate->latency_ms;
  }
  if (!verbose)
    return out;
  std::vector<size_t> order(measured->layers.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::ranges::sort(order, std::greater(), [&](size_t i) { return measured->layers[i].busyUs; });
  for (size_t i = 0; i < std::min<size_t>(order.size(), 12); ++i) {
    const auto &layer = measured->layers[order[i]];
    fmt::print(
        "      {:>10.1f} us busy {:>10.1f} us stalled {:>12} MACs {:>5.2f} utilised  {} {}\n",
        layer.busyUs, layer.stalledUs, layer.macs, layer.utilization,
        code.program.layers[order[i]]->op, code.program.layers[order[i]]->name);
  }
  for (const std::string &note : code.notes)
    fmt::print("      {}\n", note);
  return out;
}

std::string text(std::optional<double> value) {
  return value ? fmt::format("{:.2f}", *value) : "-";
}

// "8", or "4 (demo default)"; 0 where there is no number.
unsigned leadingNumber(const std::string &cell) {
  return static_cast<unsigned>(std::strtoul(cell.c_str(), nullptr, 10));
}

} // namespace

Expected<void> comparePublished(const PublishedOptions &o) {
  EDGECC_TRY(device, device::loadDevice(o.device));
  EDGECC_TRY(rows, zoo::readCsv(o.table));
  Errors latencies, rates, estimates;
  int contextsTried = 0, contextsRight = 0, trivialRight = 0, missing = 0;
  fmt::print("{:<34} {:<10} {:>9} {:>9} {:>9} {:>9} {:>4} {:<6} {:>6}  {}\n", "model", "role", "ms",
             "published", "fps", "published", "ctx", "", "map s", "limited by");
  for (const zoo::CsvRow &row : rows) {
    bool isDataflow = device.dataflow != nullptr;
    if (isDataflow && row.text("device") != (device.name == "hailo8l" ? "Hailo-8L" : "Hailo-8"))
      continue;
    if (!o.only.empty() && std::ranges::find(o.only, row.text("model")) == o.only.end())
      continue;
    const std::string &input = isDataflow ? row.text("input_hwc") : row.text("input_hw");
    const zoo::Topology *topology = zoo::findTopology(row.text("device"), row.text("model"), input);
    if (!topology) {
      missing += row.text("role") == "check";
      continue;
    }
    Figures figures;
    figures.fps = row.number(isDataflow ? "fps_b8" : "fps");
    figures.fpsOfOne = row.number("fps_b1");
    figures.latencyMs = row.number("latency_ms");
    figures.units = leadingNumber(row.text("shaves"));
    figures.streams = leadingNumber(row.text("streams"));
    figures.batch = isDataflow ? kPublishedBatch : 1;
    auto predicted = predict(device, *topology, figures, o.verbose);
    if (!predicted) {
      fmt::print("{:<34} {:<10} {}\n", row.text("model"), row.text("role"), str(predicted.error()));
      continue;
    }
    std::string role = row.text("role").substr(0, row.text("role").find(' '));
    std::string contexts = row.text("context_inferred");
    fmt::print("{:<34} {:<10} {:>9.2f} {:>9} {:>9.1f} {:>9} {:>4} {:<6} {:>6.1f}  {}\n",
               row.text("model"), role, predicted->latencyMs, text(figures.latencyMs),
               predicted->fps, text(figures.fps), predicted->contexts, contexts,
               predicted->mapSeconds, predicted->bottleneck);
    std::fflush(stdout);
    if (figures.latencyMs) {
      latencies.add(role, predicted->latencyMs, *figures.latencyMs);
      latencies.add(role + ", " + topology->family, predicted->latencyMs, *figures.latencyMs);
    }
    if (figures.fps) {
      std::string kind = contexts.empty() ? "" : ", " + contexts;
      rates.add(role + kind, predicted->fps, *figures.fps);
      rates.add(role + kind + ", " + topology->family, predicted->fps, *figures.fps);
    }
    if (figures.fpsOfOne && predicted->fpsOfOne)
      rates.add(role + ", several contexts, batch 1", *predicted->fpsOfOne, *figures.fpsOfOne);
    if (predicted->estimatedFps > 0)
      estimates.add("frame rate", predicted->estimatedFps, predicted->fps);
    if (predicted->estimatedMs > 0)
      estimates.add("latency", predicted->estimatedMs, predicted->latencyMs);
    if (!contexts.empty()) {
      ++contextsTried;
      bool isMulti = contexts == "multi";
      contextsRight += isMulti == (predicted->contexts > 1);
      trivialRight +=
          isMulti == (static_cast<double>(predicted->size.parameters) > kOneContextParameters);
    }
  }
  fmt::print("\nerror of latencies:\n");
  latencies.print();
  fmt::print("error of frame rates:\n");
  rates.print();
  fmt::print("the mapper's estimates against the emulator:\n");
  estimates.print();
  if (contextsTried > 0)
    fmt::print("one or several contexts: {} of {} right ({:.0f} %); by the number of parameters "
               "alone {} ({:.0f} %)\n",
               contextsRight, contextsTried, 100.0 * contextsRight / contextsTried, trivialRight,
               100.0 * trivialRight / contextsTried);
  if (missing > 0)
    fmt::print("{} rows to check have no rebuilt topology\n", missing);
  return {};
}

} // namespace edgecc::bench
