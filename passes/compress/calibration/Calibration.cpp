#include "passes/compress/calibration/Calibration.h"

#include <array>
#include <set>

namespace edgecc {

static constexpr std::array<std::string_view, 5> kMethods = {"minmax", "moving-average",
                                                             "percentile", "mse", "entropy"};

std::string_view name(RangeMethod method) { return kMethods[static_cast<size_t>(method)]; }

std::optional<RangeMethod> rangeMethodFromName(std::string_view name) {
  for (size_t i = 0; i < kMethods.size(); ++i)
    if (kMethods[i] == name)
      return static_cast<RangeMethod>(i);
  return std::nullopt;
}

bool needsHistogram(RangeMethod method) {
  return method != RangeMethod::MinMax && method != RangeMethod::MovingAverage;
}

const Observation *Calibration::find(std::string_view name) const {
  auto found = observations_.find(name);
  return found == observations_.end() ? nullptr : &found->second;
}

void Calibration::set(std::string name, Observation observation) {
  observations_[std::move(name)] = std::move(observation);
}

ValueNames::ValueNames(const Function &function) {
  std::set<std::string> taken;
  auto add = [&](const Value &value, std::string name) {
    if (!value.provenance.tensor.empty())
      name = value.provenance.tensor;
    std::string unique = name;
    for (int i = 2; !taken.insert(unique).second; ++i)
      unique = name + "#" + std::to_string(i);
    names_[&value] = std::move(unique);
  };
  const Block &body = function.body;
  for (unsigned i = 0; i < body.numArguments(); ++i)
    add(*body.argument(i), function.inputs[i].name);
  for (const auto &op : body.ops())
    for (unsigned i = 0; i < op->numResults(); ++i)
      add(*op->result(i), op->location + ":" + std::string(op->name()) + ":" + std::to_string(i));
}

} // namespace edgecc
