#include "bench/devices/Fit.h"

#include "bench/devices/Prepare.h"
#include "bench/zoo/Csv.h"
#include "bench/zoo/Zoo.h"
#include "runtime/emulator/Emulator.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <functional>
#include <future>

namespace edgecc::bench {

namespace {

using emulator::DataflowMachineT;
using emulator::WorkClass;

// A constant, or several that are one by the description's rules.
struct Constant {
  const char *name;
  double least, most;
  std::function<double(const DataflowMachineT &)> get;
  std::function<void(DataflowMachineT &, double)> set;
};

emulator::WorkFractionT &fractionOf(const DataflowMachineT &machine, WorkClass work) {
  for (const auto &entry : machine.work)
    if (entry->work == work)
      return *entry;
  throw std::logic_error("the description has no rate for a kind of work");
}

std::vector<Constant> constants() {
  return {
      {"work.fraction (Dense, Grouped)", 1e-2, 1,
       [](const DataflowMachineT &m) { return fractionOf(m, WorkClass::Dense).fraction; },
       [](DataflowMachineT &m, double value) {
         fractionOf(m, WorkClass::Dense).fraction = value;
         fractionOf(m, WorkClass::Grouped).fraction = value;
         // Both operands stream, where weights would stay.
         fractionOf(m, WorkClass::Product).fraction = value / 2;
       }},
      {"work.fraction (Depthwise)", 1e-3, 1,
       [](const DataflowMachineT &m) { return fractionOf(m, WorkClass::Depthwise).fraction; },
       [](DataflowMachineT &m, double value) {
         fractionOf(m, WorkClass::Depthwise).fraction = value;
       }},
      {"row_overhead_cycles", 1, 1e4,
       [](const DataflowMachineT &m) { return m.row_overhead_cycles; },
       [](DataflowMachineT &m, double value) { m.row_overhead_cycles = value; }},
      {"context_switch_us", 10, 1e4, [](const DataflowMachineT &m) { return m.context_switch_us; },
       [](DataflowMachineT &m, double value) { m.context_switch_us = value; }},
      {"configuration_gb_s", 0.1, 100,
       [](const DataflowMachineT &m) { return m.configuration_gb_s; },
       [](DataflowMachineT &m, double value) { m.configuration_gb_s = value; }},
  };
}

struct Row {
  std::string name;
  std::unique_ptr<Module> module; // lowered
  double fpsOfBatch = 0;          // published, batch 8
  double fpsOfOne = 0;            // published, batch 1
  bool isMulti = false;
};

struct Outcome {
  double fpsOfBatch = 0, fpsOfOne = 0;
  unsigned contexts = 0;
};

Expected<std::vector<Row>> rowsOf(const emulator::DeviceT &device, const std::string &table) {
  EDGECC_TRY(lines, zoo::readCsv(table));
  std::vector<Row> rows;
  for (const zoo::CsvRow &line : lines) {
    if (line.text("role") != "calibrate")
      continue;
    const zoo::Topology *topology =
        zoo::findTopology(line.text("device"), line.text("model"), line.text("input_hwc"));
    auto batch = line.number("fps_b8"), one = line.number("fps_b1");
    if (!topology || !batch || !one)
      return error("a row to calibrate with cannot be rebuilt", line.text("model"));
    EDGECC_TRY(module, lowerFor(device, topology->build()));
    rows.push_back({line.text("model"), std::move(module), *batch, *one,
                    line.text("context_inferred") == "multi"});
  }
  if (rows.empty())
    return error("no row has the role 'calibrate'", table);
  return rows;
}

Expected<Outcome> predict(const emulator::DeviceT &device, const Row &row) {
  device::MapOptions options;
  options.batch = kPublishedBatch;
  EDGECC_TRY(code, device::mapFunction(row.module->main(), device, options));
  Outcome outcome;
  for (bool single : {false, true}) {
    if (single)
      code.program.dataflow->batch = 1;
    auto measured = emulator::measure(code.program);
    if (!measured)
      return error(measured.error().message, row.name);
    (single ? outcome.fpsOfOne : outcome.fpsOfBatch) = measured->fps;
    outcome.contexts = measured->contexts;
  }
  return outcome;
}

class Fit {
public:
  Fit(emulator::DeviceT device, std::vector<Row> rows)
      : device_(std::move(device)), rows_(std::move(rows)) {}

  // The description's own constants play no part: steps begin at the best point of a coarse grid,
  // and from the best few.
  void run() {
    fmt::print("{} rows\n", rows_.size());
    struct Start {
      double objective, dense, depthwise, overhead;
    };
    std::vector<Start> starts;
    auto list = constants();
    for (double dense : {0.3, 0.45, 0.65, 0.95})
      for (double depthwise : {0.01, 0.03, 0.1})
        for (double overhead : {20, 200, 500, 900}) {
          set(list, {dense, depthwise, overhead, 800, 3});
          starts.push_back({objective(), dense, depthwise, overhead});
        }
    std::ranges::sort(starts, {}, &Start::objective);
    starts.resize(kStarts);
    std::vector<double> found;
    double least = std::numeric_limits<double>::infinity();
    for (const Start &start : starts) {
      set(list, {start.dense, start.depthwise, start.overhead, 800, 3});
      best_ = start.objective;
      for (double step : {1.5, 1.2, 1.1, 1.05})
        while (improve(step)) {
        }
      fmt::print("from fractions of {} and {} and {} cycles a row ({:.2f} %): {:.2f} %\n",
                 start.dense, start.depthwise, start.overhead, percent(start.objective),
                 percent(best_));
      std::fflush(stdout);
      if (best_ < least) {
        least = best_;
        found.clear();
        for (const Constant &constant : list)
          found.push_back(constant.get(machine()));
      }
    }
    set(list, found);
    best_ = least;
    for (const Constant &constant : constants())
      tryValue(constant, rounded(constant.get(machine())), best_ * kRoundingMayCost);
  }

  void print() {
    fmt::print("\nerror {:.2f} % with\n", percent(best_));
    for (const Constant &constant : constants()) {
      double value = constant.get(machine());
      std::string change;
      for (double factor : {1 / 1.1, 1.1}) {
        constant.set(machine(), value * factor);
        change += fmt::format("{}{:.2f} %", change.empty() ? "" : ", ", percent(objective()));
      }
      constant.set(machine(), value);
      fmt::print("  {:<34} {:>8.4g}   (a tenth less, more: {})\n", constant.name, value, change);
    }
    fmt::print("\n{:<20} {:>9} {:>9} {:>9} {:>9} {:>4} {}\n", "model", "batch 8", "published",
               "batch 1", "published", "ctx", "published");
    for (const Row &row : rows_)
      if (auto o = predict(device_, row))
        fmt::print("{:<20} {:>9.1f} {:>9.1f} {:>9.1f} {:>9.1f} {:>4} {}\n", row.name, o->fpsOfBatch,
                   row.fpsOfBatch, o->fpsOfOne, row.fpsOfOne, o->contexts,
                   row.isMulti ? "multi" : "single");
  }

private:
  static constexpr double kRoundingMayCost = 1.02;
  static constexpr size_t kStarts = 2;

  void set(const std::vector<Constant> &list, const std::vector<double> &values) {
    for (size_t i = 0; i < list.size(); ++i)
      list[i].set(machine(), values[i]);
  }

  static double percent(double objective) { return 100 * (std::exp(objective) - 1); }
  static double rounded(double value) { // to two digits
    double unit = std::pow(10, std::floor(std::log10(value)) - 1);
    return std::round(value / unit) * unit;
  }

  DataflowMachineT &machine() { return *device_.dataflow; }

  double objective() const {
    std::vector<std::future<Expected<Outcome>>> running;
    for (const Row &row : rows_)
      running.push_back(std::async([&] { return predict(device_, row); }));
    double sum = 0;
    size_t terms = 0;
    auto add = [&](double factor) {
      sum += std::abs(std::log(factor));
      ++terms;
    };
    for (size_t i = 0; i < rows_.size(); ++i) {
      auto outcome = running[i].get();
      if (!outcome)
        return std::numeric_limits<double>::infinity();
      add(outcome->fpsOfBatch / rows_[i].fpsOfBatch);
      if (rows_[i].isMulti)
        add(outcome->fpsOfOne / rows_[i].fpsOfOne);
      if (rows_[i].isMulti != (outcome->contexts > 1))
        sum += std::log(2.0);
    }
    return sum / static_cast<double>(terms);
  }

  bool tryValue(const Constant &constant, double value, double limit) {
    double before = constant.get(machine());
    if (value < constant.least || value > constant.most)
      return false;
    constant.set(machine(), value);
    double reached = objective();
    if (reached < limit) {
      best_ = reached;
      return true;
    }
    constant.set(machine(), before);
    return false;
  }

  bool improve(double step) {
    constexpr double kWorthwhile = 1e-4;
    bool improved = false;
    for (const Constant &constant : constants())
      for (double factor : {step, 1 / step})
        while (tryValue(constant, constant.get(machine()) * factor, best_ - kWorthwhile))
          improved = true;
    return improved;
  }

  emulator::DeviceT device_;
  std::vector<Row> rows_;
  double best_ = 0;
};

} // namespace

Expected<void> fitConstants(const FitOptions &o) {
  EDGECC_TRY(device, device::loadDevice(o.device));
  if (!device.dataflow)
    return error(device.name + " is no dataflow machine", "--device");
  EDGECC_TRY(rows, rowsOf(device, o.table));
  Fit fit(std::move(device), std::move(rows));
  fit.run();
  fit.print();
  return {};
}

} // namespace edgecc::bench
