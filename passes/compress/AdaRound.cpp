// Chooses for each quantised weight whether it is rounded up or down, such that what its layer
// computes on calibration data stays close to float (Nagel et al. 2020). docs/passes/adaround.md
#include "passes/compress/Passes.h"
#include "passes/compress/rounding/FloatReference.h"
#include "passes/compress/rounding/LayerReconstruction.h"
#include "passes/compress/rounding/OutputNoise.h"
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

// The candidate with the least error on the layer's own objective; nearest is always one. Fits to
// the first `learned` samples.
Rounded roundGroup(const RoundingProblem &problem, const Method &method, const Goal &goal,
                   int64_t learned) {
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
    QuadraticForm form = quadraticForm(problem, learned);
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

// The goal of a layer by what is held out of its samples; none: round to nearest.
std::optional<Goal> goalOf(const std::vector<RoundingProblem> &groups) {
  const RoundingProblem &first = groups.front();
  if (first.cols() > kMostFineColumns && first.high.maxCoeff() >= kFine)
    return std::nullopt;
  if (first.cols() > kMostColumns || first.heldOut == 0)
    return kCautious;
  return bestGoal(groups);
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

// What the outputs have to gain on samples that are held out, in dB; less may be chance.
constexpr double kLeastGain = 1;

// By layer of a LayerReconstruction.
using Goals = std::map<size_t, std::optional<Goal>>;

class Rounding {
public:
  Rounding(PassContext &context, const Method &method, const SamplingLimits &limits)
      : context_(context), method_(method), limits_(limits) {}

  // Rounds the module's layers with the samples that are not held out and returns the goals.
  Expected<Goals> tryOut(Module &module) {
    size_t notes = context_.compression->notes.size();
    Goals goals;
    EDGECC_CHECK(visit(module, [&](size_t layer, std::vector<RoundingProblem> &groups) {
      goals[layer] = goalOf(groups);
      return roundLayer(groups, goals[layer], groups.front().samples() - groups.front().heldOut);
    }));
    context_.compression->notes.resize(notes); // of a trial
    return goals;
  }

  // Rounds the module's layers with all samples.
  Expected<void> round(Module &module, const Goals &goals) {
    return visit(module, [&](size_t layer, std::vector<RoundingProblem> &groups) {
      auto chosen = goals.find(layer);
      Goal given{method_.fit, method_.damping};
      auto rounded = roundLayer(groups, chosen == goals.end() ? given : chosen->second,
                                groups.front().samples());
      context_.statistics.add(isBetter(rounded) ? "layers rounded by reconstruction"
                                                : "layers rounded to nearest");
      return rounded;
    });
  }

  // Of the outputs on samples that are held out; 0 where there are none.
  Expected<double> noiseOf(const Module &module) const {
    HeldOutSamples heldOut(*context_.compression->data, limits_);
    FloatReference reference(module, *context_.compression);
    return outputNoise(module.main(), reference.module().main(), *context_.executor, heldOut,
                       heldOut.size());
  }

private:
  struct Errors {
    double now = 0, nearest = 0;
  };
  static Errors errorsOf(const std::vector<Rounded> &groups) {
    Errors errors;
    for (const Rounded &group : groups) {
      errors.now += group.error;
      errors.nearest += group.nearest;
    }
    return errors;
  }
  static bool isBetter(const std::vector<Rounded> &groups) {
    Errors errors = errorsOf(groups);
    return errors.now < errors.nearest;
  }

  std::vector<Rounded> roundLayer(std::vector<RoundingProblem> &groups,
                                  const std::optional<Goal> &goal, int64_t samples) const {
    std::vector<Rounded> out;
    for (RoundingProblem &problem : groups) {
      if (goal)
        out.push_back(roundGroup(problem, method_, *goal, samples));
      else
        out.push_back({roundToNearest(problem), 0, 0});
      problem.inputs.resize(0, 0); // no longer needed
    }
    return out;
  }

  template <class Fn> Expected<void> visit(Module &module, Fn &&fn) {
    EDGECC_TRY(network, LayerReconstruction::create(module, context_, "adaround", limits_));
    const ReconstructedLayer *first = network.layers().data();
    return network.visit([&](const ReconstructedLayer &layer,
                             std::vector<RoundingProblem> &groups) -> Expected<void> {
      std::vector<Rounded> rounded = fn(static_cast<size_t>(&layer - first), groups);
      std::vector<Matrix> levels;
      for (Rounded &group : rounded)
        levels.push_back(std::move(group.levels));
      QuantizedWeights weights = *quantizedWeights(*layer.op);
      setIntegers(module, weights, integersOf(layer.geometry, weights, levels));
      Errors errors = errorsOf(rounded);
      context_.compression->notes.push_back(
          {"adaround", nameOfLayer(*layer.op),
           isBetter(rounded) ? fmt::format("the error of its output is {:.1f} dB below that of "
                                           "rounding to nearest.",
                                           10 * std::log10(errors.nearest / errors.now))
                             : "rounded to nearest: nothing that was tried is better."});
      return {};
    });
  }

  PassContext &context_;
  const Method &method_;
  SamplingLimits limits_;
};

} // namespace

Expected<void> adaRound(Module &module, PassContext &context) {
  EDGECC_TRY(method, methodOf(context.options));
  EDGECC_TRY(limits, samplingLimits(context.options, "adaround"));
  Rounding rounding(context, method, limits);
  if (method.damping > 0)
    return rounding.round(module, {});

  std::unique_ptr<Module> trial = clone(module);
  EDGECC_TRY(goals, rounding.tryOut(*trial));
  EDGECC_TRY(nearest, rounding.noiseOf(module));
  EDGECC_TRY(tried, rounding.noiseOf(*trial));
  trial.reset();
  double gain = nearest > 0 && tried > 0 ? 10 * std::log10(nearest / tried) : INFINITY;
  bool isKept = gain >= kLeastGain; // also where there is nothing to measure
  if (isKept)
    EDGECC_CHECK(rounding.round(module, goals));
  else
    context.statistics.add("networks rounded to nearest");
  if (std::isfinite(gain))
    context.compression->notes.push_back(
        {"adaround", "",
         fmt::format("changes the noise of the outputs by {:.1f} dB on samples that are held out{}",
                     -gain, isKept ? "" : ": too little, so all layers are rounded to nearest")});
  return {};
}

} // namespace edgecc
