// Chooses for each quantised weight whether it is rounded up or down, such that what its layer
// computes on calibration data stays close to float (Nagel et al. 2020). docs/passes/adaround.md
#include "passes/compress/Passes.h"
#include "passes/compress/rounding/LayerReconstruction.h"
#include "passes/compress/rounding/SoftRounding.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <optional>

namespace edgecc {

namespace {

constexpr unsigned kSweeps = 20; // of descend(); it mostly ends by itself after a few

// Above this the quadratic form, which has the square of it, would not be worth its memory.
constexpr int64_t kMostColumns = 6144;

// Eight bits have less to gain: larger layers than this are not worth the time.
constexpr int64_t kMostFineColumns = 2304;
constexpr float kFine = 64; // largest level

struct Method {
  bool columns = true, soft = true, fit = true;
  double damping = 0; // 0: what does best on samples that are held out
  SoftRoundingOptions options;
};

// What a layer's weights are rounded towards: the float weights, or weights that are fitted to the
// inputs as they have become. The fit gains where there are many samples and loses where few.
struct Goal {
  bool fit;
  double damping;
};
constexpr Goal kCautious{false, 0.03};
constexpr Goal kGoals[] = {{true, 0.01}, {true, 0.1}, {true, 1}, kCautious};

struct Rounded {
  Matrix levels;
  double error = 0, nearest = 0;
};

// `form` is damped.
QuadraticForm towards(const Goal &goal, const RoundingProblem &problem, QuadraticForm form,
                      Matrix &optimum) {
  if (goal.fit) {
    optimum = minimizer(form);
  } else {
    optimum = problem.weights;
    form.c = problem.weights * form.h; // what the float weights minimise
  }
  return form;
}

// The goal that does best on the samples that are held out, when the others are learned from; none
// if rounding to nearest does better.
std::optional<Goal> bestGoal(const std::vector<RoundingProblem> &groups) {
  std::array<double, std::size(kGoals)> errors{};
  double nearest = 0;
  for (const RoundingProblem &problem : groups) {
    int64_t learned = problem.samples() - problem.heldOut;
    nearest += reconstructionError(problem, roundToNearest(problem), learned);
    const QuadraticForm known = quadraticForm(problem, learned);
    for (size_t i = 0; i < errors.size(); ++i) {
      Matrix optimum;
      QuadraticForm form =
          towards(kGoals[i], problem, damped(known, problem, kGoals[i].damping), optimum);
      errors[i] += reconstructionError(problem, roundColumns(problem, form, optimum), learned);
    }
  }
  auto best = std::ranges::min_element(errors);
  if (*best >= nearest)
    return std::nullopt;
  return kGoals[best - errors.begin()];
}

// The candidate with the least error on the layer's own objective; nearest is always one.
Rounded roundGroup(const RoundingProblem &problem, const Method &method, const Goal &goal) {
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
  if (isSmall && (method.columns || goal.fit)) {
    QuadraticForm form = quadraticForm(problem, problem.samples());
    form = towards(goal, problem, damped(std::move(form), problem, goal.damping), start);
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

// All groups of a layer.
std::vector<Rounded> roundLayer(std::vector<RoundingProblem> &groups, const Method &method) {
  std::optional<Goal> goal = Goal{method.fit, method.damping};
  if (method.damping == 0) {
    const RoundingProblem &first = groups.front();
    if (first.cols() > kMostFineColumns && first.high.maxCoeff() >= kFine)
      goal = std::nullopt;
    else if (first.cols() > kMostColumns || first.heldOut == 0)
      goal = kCautious;
    else
      goal = bestGoal(groups);
  }
  std::vector<Rounded> out;
  for (RoundingProblem &problem : groups) {
    if (goal)
      out.push_back(roundGroup(problem, method, *goal));
    else
      out.push_back({roundToNearest(problem), 0, 0});
    problem = {}; // its samples are no longer needed
  }
  return out;
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
  if (!(method.damping >= 0) || !(method.options.rate > 0) || !(method.options.lambda >= 0) ||
      !(method.options.warmStart >= 0 && method.options.warmStart <= 1))
    return error("rate must be positive, damping and lambda not negative, warm-start within 0..1",
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
    for (Rounded &rounded : roundLayer(groups, method)) {
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
