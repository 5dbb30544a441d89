#include "driver/device/Budget.h"

#include "driver/Console.h"
#include "driver/device/DeviceFacts.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace edgecc::driver {

using namespace emulator;

namespace {

constexpr size_t kNamed = 3; // layers in a sentence

const char *nameOf(Quantity quantity) {
  switch (quantity) {
  case Quantity::FrameRate:
    return "fps";
  case Quantity::Latency:
    return "latency";
  case Quantity::Memory:
    return "memory";
  case Quantity::Bandwidth:
    return "bandwidth";
  case Quantity::Power:
    return "power";
  case Quantity::Energy:
    return "energy";
  }
  return "";
}

std::string shown(Quantity quantity, double value) {
  switch (quantity) {
  case Quantity::FrameRate:
    return fmt::format("{:.1f} frames a second", value);
  case Quantity::Latency:
    return formatTime(value * 1e9);
  case Quantity::Memory:
    return formatBytes(value);
  case Quantity::Bandwidth:
    return formatBytes(value) + "/s";
  case Quantity::Power:
    return fmt::format("{:.2f} W", value);
  case Quantity::Energy:
    return fmt::format("{:.2f} mJ", value * 1e3);
  }
  return "";
}

// What a layer adds to each kind of amount.
class Amounts {
public:
  Amounts(const ProgramT &program, const RunReport &report)
      : program_(program), report_(report), held_(heldBytes(program)) {}

  double of(Quantity quantity, size_t layer, double rate) const {
    const LayerUse &use = report_.layers[layer];
    switch (quantity) {
    case Quantity::FrameRate:
    case Quantity::Latency:
      return use.busyUs * 1e-6;
    case Quantity::Memory:
      return static_cast<double>(held_[layer]);
    case Quantity::Bandwidth:
      return static_cast<double>(bytesOf(program_, report_, use, true)) * rate;
    case Quantity::Power:
      return use.energyUj * 1e-6 * rate;
    case Quantity::Energy:
      return use.energyUj * 1e-6;
    }
    return 0;
  }

private:
  const ProgramT &program_;
  const RunReport &report_;
  std::vector<uint64_t> held_;
};

double valueOf(Quantity quantity, const ProgramT &program, const RunReport &report, double rate) {
  switch (quantity) {
  case Quantity::FrameRate:
    return report.fps;
  case Quantity::Latency:
    return report.latencyUs * 1e-6;
  case Quantity::Memory:
    return static_cast<double>(peakOnChip(program, report));
  case Quantity::Bandwidth:
    return static_cast<double>(bytesOf(program, report, true)) * rate;
  case Quantity::Power:
    return wattsAt(program, report, rate);
  case Quantity::Energy:
    return wattsAt(program, report, rate) / std::max(rate, 1e-9);
  }
  return 0;
}

// "'conv3' (5.2 ms), 'conv4' (3.1 ms)"
std::string layersToChange(const Verdict &verdict, const ProgramT &program) {
  Quantity unit =
      verdict.limit.quantity == Quantity::FrameRate ? Quantity::Latency : verdict.limit.quantity;
  std::string out;
  for (size_t i = 0; i < verdict.contributors.size() && i < kNamed; ++i) {
    const Contributor &contributor = verdict.contributors[i];
    out += fmt::format("{}'{}' ({})", i == 0 ? "" : ", ", program.layers[contributor.layer]->name,
                       shown(unit, contributor.amount));
  }
  return out;
}

} // namespace

std::vector<Verdict> judge(const std::vector<Limit> &budget, const ProgramT &program,
                           const RunReport &report) {
  double rate = report.fps;
  for (const Limit &limit : budget)
    if (limit.quantity == Quantity::FrameRate)
      rate = std::min(rate, limit.value);
  Amounts amounts(program, report);
  std::vector<Verdict> verdicts;
  for (const Limit &limit : budget) {
    Verdict verdict{.limit = limit};
    verdict.value = valueOf(limit.quantity, program, report, rate);
    verdict.pass = limit.quantity == Quantity::FrameRate ? verdict.value >= limit.value
                                                         : verdict.value <= limit.value;
    for (size_t i = 0; i < report.layers.size(); ++i)
      if (double amount = amounts.of(limit.quantity, i, rate); amount > 0)
        verdict.contributors.push_back({i, amount});
    std::ranges::stable_sort(verdict.contributors, std::greater(), &Contributor::amount);
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

bool allPass(const std::vector<Verdict> &verdicts) {
  return std::ranges::all_of(verdicts, &Verdict::pass);
}

std::vector<std::string> describe(const std::vector<Verdict> &verdicts, const ProgramT &program) {
  std::vector<std::string> sentences;
  for (const Verdict &verdict : verdicts) {
    auto [quantity, limit] = verdict.limit;
    double apart = std::abs(verdict.value - limit);
    std::string text = fmt::format(
        "{} {}: {} of at {} {}, {} ({:.0f} %) {}", verdict.pass ? "pass" : "FAIL", nameOf(quantity),
        shown(quantity, verdict.value), quantity == Quantity::FrameRate ? "least" : "most",
        shown(quantity, limit), shown(quantity, apart), 100 * apart / limit,
        verdict.pass                      ? "to spare"
        : quantity == Quantity::FrameRate ? "too few"
                                          : "too much");
    if (!verdict.pass) {
      if (quantity == Quantity::Power && program.device->static_watts >= limit)
        text += fmt::format("; {} are drawn all the time, whatever the model",
                            shown(quantity, program.device->static_watts));
      else if (!verdict.contributors.empty())
        text += fmt::format("; change {}", layersToChange(verdict, program));
    }
    sentences.push_back(std::move(text));
  }
  return sentences;
}

nlohmann::json budgetJson(const std::vector<Verdict> &verdicts, const ProgramT &program) {
  // Scripts get the units of the `device` object.
  auto factor = [](Quantity quantity) {
    return quantity == Quantity::Latency || quantity == Quantity::Energy ? 1e3 : 1;
  };
  constexpr const char *kUnits[] = {"1/s", "ms", "B", "B/s", "W", "mJ"};
  nlohmann::json out = nlohmann::json::array();
  std::vector<std::string> sentences = describe(verdicts, program);
  for (size_t i = 0; i < verdicts.size(); ++i) {
    const Verdict &verdict = verdicts[i];
    auto [quantity, limit] = verdict.limit;
    nlohmann::json layers = nlohmann::json::array();
    for (size_t k = 0; k < verdict.contributors.size() && k < kNamed; ++k) {
      const Contributor &contributor = verdict.contributors[k];
      double scale = quantity == Quantity::FrameRate ? 1e3 : factor(quantity);
      layers.push_back({{"name", program.layers[contributor.layer]->name},
                        {"amount", contributor.amount * scale}});
    }
    out.push_back({{"limit", nameOf(quantity)},
                   {"at_most", quantity != Quantity::FrameRate},
                   {"unit", kUnits[static_cast<size_t>(quantity)]},
                   {"wanted", limit * factor(quantity)},
                   {"value", verdict.value * factor(quantity)},
                   {"pass", verdict.pass},
                   {"text", sentences[i]},
                   {"largest_layers", std::move(layers)}});
  }
  return out;
}

} // namespace edgecc::driver
