// Chooses for each quantised weight whether it is rounded up or down, such that what its layer
// computes on calibration data stays close to float (Nagel et al. 2020). docs/passes/adaround.md
#include "passes/compress/Passes.h"
#include "passes/compress/rounding/LayerReconstruction.h"
#include "passes/compress/rounding/SoftRounding.h"

#include <cmath>
#include <fmt/format.h>

namespace edgecc {

namespace {

constexpr unsigned kSweeps = 20; // of descend(); it mostly ends by itself after a few

// Above this the quadratic form, which has the square of it, would not be worth its memory.
constexpr int64_t kMostColumns = 6144;

struct Method {
  bool columns = true, soft = true, fit = true;
  double damping = 0.03;
  SoftRoundingOptions options;
};

struct Rounded {
  Matrix levels;
  double error = 0, nearest = 0;
};

// The candidate with the least error on the layer's own objective; nearest is always one.
Rounded roundGroup(const RoundingProblem &problem, const Method &method) {
  Rounded best{roundToNearest(problem), 0, 0};
  best.error = best.nearest = reconstructionError(problem, best.levels);
  auto offer = [&](Matrix levels) {
    double error = reconstructionError(problem, levels);
    if (error < best.error) {
      best.error = error;
      best.levels = std::move(levels);
    }
  };
  const bool isSmall = problem.cols() <= kMostColumns;
  Matrix start = problem.weights;
  if (isSmall && (method.columns || method.fit)) {
    QuadraticForm form = quadraticForm(problem, method.damping);
    if (method.fit)
      start = minimizer(form);
    else
      form.c = problem.weights * form.h; // what the float weights minimise
    if (method.columns) {
      Matrix levels = roundColumns(problem, form, start);
      descend(problem, form, kSweeps, levels);
      offer(std::move(levels));
    }
  }
  if (method.soft || !isSmall)
    offer(softRound(problem, start, method.options));
  return best;
}

Expected<Method> methodOf(const PassOptions &options) {
  const std::string &name = options.text("method");
  if (name != "best" && name != "soft" && name != "columns")
    return error("'" + name + "' is no method of rounding", "adaround",
                 "use method=best, soft or columns");
  if (options.integer("iterations") < 1 || options.integer("iterations") > 1'000'000)
    return error("iterations must be between 1 and 1000000", "adaround");
  Method method;
  method.columns = name != "soft";
  method.soft = name != "columns";
  method.fit = options.flag("fit");
  method.damping = options.real("damping");
  method.options.iterations = static_cast<unsigned>(options.integer("iterations"));
  method.options.rate = options.real("rate");
  method.options.lambda = options.real("lambda");
  method.options.warmStart = options.real("warm-start");
  if (!(method.damping > 0) || !(method.options.rate > 0) || !(method.options.lambda >= 0) ||
      !(method.options.warmStart >= 0 && method.options.warmStart <= 1))
    return error("damping and rate must be positive, lambda not negative, warm-start within 0..1",
                 "adaround");
  return method;
}

} // namespace

Expected<void> adaRound(Module &module, PassContext &context) {
  EDGECC_TRY(method, methodOf(context.options));
  EDGECC_TRY(limits, samplingLimits(context.options, "adaround"));
  EDGECC_TRY(network, LayerReconstruction::create(module, context, "adaround", limits));
  return network.visit([&](const ReconstructedLayer &layer,
                           std::vector<RoundingProblem> &groups) -> Expected<void> {
    std::vector<Matrix> levels;
    double error = 0, nearest = 0;
    for (RoundingProblem &group : groups) {
      Rounded rounded = roundGroup(group, method);
      group = {}; // its samples are no longer needed
      levels.push_back(std::move(rounded.levels));
      error += rounded.error;
      nearest += rounded.nearest;
    }
    QuantizedWeights weights = *quantizedWeights(*layer.op);
    Tensor integers = integersOf(layer.geometry, weights, levels);
    setIntegers(module, weights, std::move(integers));
    std::string text =
        error < nearest ? fmt::format("the error of its output is {:.1f} dB below that of rounding "
                                      "to nearest.",
                                      10 * std::log10(nearest / error))
                        : "rounded to nearest: nothing that was tried is better.";
    context.compression->notes.push_back({"adaround", nameOfLayer(*layer.op), std::move(text)});
    context.statistics.add(error < nearest ? "layers rounded by reconstruction"
                                           : "layers rounded to nearest");
    return {};
  });
}

} // namespace edgecc
