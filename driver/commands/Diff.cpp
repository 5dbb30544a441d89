// edgecc diff: two versions of a model, tensor by tensor.
#include "driver/Arguments.h"
#include "driver/Console.h"
#include "driver/report/ModelDiff.h"
#include "frontend/io/MappedFile.h"

#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace edgecc::driver {

namespace {

std::string decibels(double sqnr) {
  if (std::isinf(sqnr))
    return sqnr > 0 ? "equal" : "-inf"; // noise where the reference is zero throughout
  return std::isnan(sqnr) ? "NaN" : fmt::format("{:.1f}", sqnr);
}

void printTable(const ModelDiff &diff) {
  fmt::print("{:>8} {:>9} {:>10} {:>9}  {}\n", "SQNR dB", "max abs", "peak", "cosine", "tensor");
  for (const TensorDiff &tensor : diff.tensors) {
    const Difference &d = tensor.difference;
    std::string shape = fmt::format("[{}]", fmt::join(tensor.dims, "x"));
    if (tensor.channelsCompared)
      shape += fmt::format(", {} channels left", tensor.channelsCompared);
    fmt::print("{:>8} {:>9.3g} {:>10.4g} {:>9.6f}  {} {}\n", decibels(d.sqnr()), d.maxAbsolute(),
               d.peak(), d.cosine(), tensor.tensor, shape);
  }
  if (diff.onlyOutputs)
    fmt::print("A compiled model keeps no intermediate values: the outputs alone are compared.\n");
  if (const TensorDiff *parted = diff.parted())
    fmt::print("They part at '{}'{}: {} dB, less than {:g} ({} samples).\n", parted->tensor,
               parted->layer.empty() ? "" : " (node " + parted->layer + ")",
               decibels(parted->difference.sqnr()), diff.threshold, diff.samples);
  else
    fmt::print("They agree to {:g} dB or better in all {} tensors ({} samples).\n", diff.threshold,
               diff.tensors.size(), diff.samples);
}

nlohmann::json toJson(const ModelDiff &diff) {
  auto number = [](double x) { return std::isfinite(x) ? nlohmann::json(x) : nlohmann::json(); };
  nlohmann::json tensors = nlohmann::json::array();
  for (const TensorDiff &tensor : diff.tensors) {
    const Difference &d = tensor.difference;
    tensors.push_back({{"tensor", tensor.tensor},
                       {"node", tensor.layer},
                       {"shape", tensor.dims},
                       {"channels_compared", tensor.channelsCompared},
                       {"equal", std::isinf(d.sqnr()) && d.sqnr() > 0},
                       {"sqnr_db", number(d.sqnr())},
                       {"max_abs", number(d.maxAbsolute())},
                       {"peak", number(d.peak())},
                       {"cosine", number(d.cosine())},
                       {"non_finite", d.nonFinite()}});
  }
  const TensorDiff *parted = diff.parted();
  return {{"samples", diff.samples},
          {"threshold_db", diff.threshold},
          {"only_outputs", diff.onlyOutputs},
          {"first_parted", parted ? nlohmann::json(parted->tensor) : nlohmann::json()},
          {"tensors", std::move(tensors)}};
}

} // namespace

int diffCommand(int argc, char **argv) {
  CLI::App app("Compares two versions of a model tensor by tensor, in the first one's units, and "
               "names the first tensor where they part.",
               "edgecc diff");
  DiffOptions options;
  std::string json;
  app.add_option("reference", options.reference, "ONNX, text IR or compiled model")
      ->type_name("FILE")
      ->required();
  app.add_option("other", options.other, "another version of it")->type_name("FILE")->required();
  app.add_option("--inputs", options.inputs,
                 "folder of samples as for --calibrate, one file, or random:N")
      ->type_name("DIR")
      ->required();
  app.add_option("--samples", options.samples, "use only N of them, spread over the folder")
      ->type_name("N");
  app.add_option("--threshold", options.threshold,
                 "signal-to-noise ratio in dB below which they have parted")
      ->type_name("DB")
      ->capture_default_str();
  addRepeatable(app, "--shape", options.shapes, "NAME=DIMS", "NAME=1x3x224x224 for ONNX models");
  app.add_option("--shapes-from", options.shapesFrom,
                 "folder with input_J.pb in the layout of ONNX's test data, whose shapes bind the "
                 "inputs of ONNX models")
      ->type_name("DIR");
  app.add_option("--image-input", options.imageInputs,
                 "as for the compile of a version that takes raw pixels")
      ->type_name("SPEC")
      ->expected(0, 1);
  app.add_option("--json", json, "write the table there for scripts")->type_name("FILE");
  declareImageArguments(app, options.image);
  if (auto exit = parseArguments(app, argc, argv))
    return *exit;
  Progress progress(true);
  std::vector<std::string> warnings;
  auto diff = diffModels(options, warnings, [&](size_t done, size_t total) {
    progress.advance("comparing", done, total);
  });
  if (!diff)
    return report(diff.error());
  for (const std::string &warning : warnings)
    fmt::print(stderr, "edgecc: warning: {}\n", warning);
  printTable(*diff);
  if (!json.empty()) {
    std::string text =
        toJson(*diff).dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    if (auto written = writeFile(json, std::as_bytes(std::span(text))); !written)
      return report(written.error());
  }
  return diff->parted() ? kDifferent : kSuccess;
}

} // namespace edgecc::driver
