#include "passes/compress/pruning/Refit.h"

#include "ir/OpDef.h"
#include "passes/compress/Compression.h"
#include "passes/compress/rounding/LayerReplay.h"

#include <algorithm>
#include <numeric>

namespace edgecc::pruning {

namespace {

constexpr size_t kMaxRowBytes = size_t{128} << 20;
constexpr double kRidges[] = {1, 3, 10, 30, 100, 300, 1000}; // times the least

// Equations W x + b = y - skip of one layer at chosen places of the samples.
class LayerFit {
public:
  LayerFit(const LinearRows &rows, const Join &join, size_t number, const RefitOptions &options,
           const CachedSamples &from)
      : rows_(rows), join_(join), number_(number), options_(options) {
    size_t samples = from.size(), fitted = from.fitted().size();
    size_t fits = 0, checks = fitted; // those that check come last
    for (size_t i = 0; i < samples; ++i)
      position_.push_back(from.isHeldOut(i) ? checks++ : fits++);
    size_t columns = static_cast<size_t>(rows_.columns() + 1);
    size_t outputs = static_cast<size_t>(rows_.groups() * rows_.rows());
    auto wanted = static_cast<size_t>(options.rowsPerColumn * static_cast<double>(columns));
    size_t bytes = 4 * (static_cast<size_t>(rows_.groups()) * columns + 2 * outputs);
    wanted = std::clamp<size_t>(wanted, 256, std::max<size_t>(kMaxRowBytes / bytes, 256));
    perSample_ = std::clamp<int64_t>(static_cast<int64_t>((wanted + samples - 1) / samples), 1,
                                     rows_.places());
    count_ = static_cast<Eigen::Index>(perSample_) * static_cast<Eigen::Index>(samples);
    fitRows_ = static_cast<Eigen::Index>(perSample_) * static_cast<Eigen::Index>(fitted);
    sum_.resize(count_, static_cast<Eigen::Index>(outputs));
  }

  const Join &join() const { return join_; }
  const LinearRows &rows() const { return rows_; }
  size_t targetBytes() const { return 4 * static_cast<size_t>(sum_.size()); }

  // What the original computes for the sum; `kept`: its channels that are left.
  void addTarget(size_t sample, const Tensor &sum, std::span<const int64_t> kept) {
    Eigen::Index at = static_cast<Eigen::Index>(position_[sample]) * perSample_;
    for (int64_t place : choosePlaces(rows_.places(), perSample_, sample, number_))
      rows_.target(sum, place, kept, sum_.row(at++).data());
  }

  // What the pruned network computes.
  void addInput(size_t sample, const Tensor &x, std::span<const Tensor> skips) {
    if (x_.empty()) {
      for (int64_t g = 0; g < rows_.groups(); ++g)
        x_.emplace_back(count_, rows_.columns() + 1);
      skip_ = MatrixF::Zero(count_, sum_.cols());
    }
    std::vector<int64_t> all(static_cast<size_t>(sum_.cols()));
    std::iota(all.begin(), all.end(), int64_t{0});
    std::vector<float> row(all.size());
    Eigen::Index at = static_cast<Eigen::Index>(position_[sample]) * perSample_;
    for (int64_t place : choosePlaces(rows_.places(), perSample_, sample, number_)) {
      for (size_t g = 0; g < x_.size(); ++g) {
        float *to = x_[g].row(at).data();
        rows_.gather(x, place, static_cast<int64_t>(g), to);
        to[rows_.columns()] = rows_.takesBias() ? 1.0f : 0.0f;
      }
      for (const Tensor &skip : skips) {
        rows_.target(skip, place, all, row.data());
        skip_.row(at) += Eigen::Map<const Eigen::RowVectorXf>(row.data(), sum_.cols());
      }
      ++at;
    }
  }

  // Solves and stores; false if no fit is better than the present weights. Errors are of the
  // clamped sum in the held out samples, relative to its variance.
  bool solve(Module &module, double &before, double &after) {
    std::vector<MatrixD> weights;
    std::vector<Eigen::VectorXd> biases;
    double energy = 0, errorBefore = 0, errorAfter = 0;
    for (int64_t g = 0; g < rows_.groups(); ++g) {
      MatrixD fitted = solveGroup(g, energy, errorBefore, errorAfter);
      weights.push_back(fitted.leftCols(rows_.columns()));
      biases.push_back(fitted.col(rows_.columns()));
    }
    before = energy > 0 ? errorBefore / energy : 0;
    after = energy > 0 ? errorAfter / energy : 0;
    if (errorAfter >= errorBefore)
      return false;
    rows_.store(module, weights, biases);
    return true;
  }

private:
  // W x = sum - skip in the clamp, to be solved for weights with the bias as the last column.
  struct Equations {
    BlockF x, sum, skip;
    MatrixD gram; // of x
  };

  Equations equations(int64_t group, Eigen::Index from, Eigen::Index count) const {
    Eigen::Index m = rows_.rows();
    return {x_[static_cast<size_t>(group)].middleRows(from, count),
            sum_.block(from, group * m, count, m),
            skip_.block(from, group * m, count, m),
            {}};
  }

  // How the least error in the samples that check comes about.
  struct Best {
    MatrixD weights;
    double error;
    double ridge = 0;
    unsigned rounds = 0; // behind the clamp
  };

  MatrixD solveGroup(int64_t group, double &energy, double &errorBefore, double &errorAfter) {
    MatrixD start(rows_.rows(), rows_.columns() + 1);
    start << rows_.matrix(group), rows_.bias(group);
    // The first rows fit; those behind check, or all if none are held out.
    bool holdsOut = fitRows_ < count_;
    Equations of = equations(group, 0, fitRows_);
    of.gram = gramOf(of.x);
    Eigen::Index checks = holdsOut ? count_ - fitRows_ : count_;
    Equations check = equations(group, count_ - checks, checks);
    MatrixF wanted = clamp(check.sum);
    Eigen::RowVectorXf mean = wanted.colwise().mean();
    energy += (wanted.rowwise() - mean).cast<double>().squaredNorm();
    auto errorOf = [&](const MatrixD &w) {
      if (!w.allFinite())
        return static_cast<double>(INFINITY);
      MatrixF result = timesTransposed(check.x, w.cast<float>()) + check.skip;
      return (clamp(result) - wanted).cast<double>().squaredNorm();
    };
    double present = errorOf(start);
    errorBefore += present;

    Best best{start, INFINITY};
    for (double times : kRidges) { // as long as that helps
      double ridge = times * options_.ridge;
      auto fitted = fit(of, start, ridge, 0, {});
      if (!fitted)
        continue;
      double error = errorOf(*fitted);
      if (error >= best.error)
        break;
      best = {std::move(*fitted), error, ridge};
      if (!holdsOut) // the least ridge fits best what it is fitted on
        break;
    }
    if (isClamped() && std::isfinite(best.error))
      fit(of, start, best.ridge, options_.clampRounds, [&](unsigned round, const MatrixD &w) {
        double error = errorOf(w);
        if (error >= best.error)
          return false;
        best = {w, error, best.ridge, round};
        return true;
      });
    if (best.error >= present) {
      errorAfter += present;
      return start;
    }
    errorAfter += best.error;
    if (!holdsOut)
      return std::move(best.weights);
    // What has been found to generalise is worth fitting on all there is.
    Equations all = equations(group, 0, count_);
    all.gram = of.gram + gramOf(check.x);
    auto final = fit(all, start, best.ridge, best.rounds, {});
    return final && final->allFinite() ? std::move(*final) : std::move(best.weights);
  }

  // W0 + (Y X^T - W0 X X^T) (X X^T + ridge)^-1, then `rounds` more with goals that leave free what
  // the clamp hides, as long as `goesOn`, if given.
  std::optional<MatrixD> fit(const Equations &of, const MatrixD &start, double ridge,
                             unsigned rounds,
                             const std::function<bool(unsigned, const MatrixD &)> &goesOn) const {
    Eigen::LLT<MatrixD> factor(damped(of.gram, ridge));
    if (factor.info() != Eigen::Success)
      return std::nullopt;
    MatrixD base = start * of.gram, weights;
    MatrixF goal = of.sum;
    for (unsigned round = 0; round <= rounds; ++round) {
      if (round > 0)
        relax(goal, of.sum, timesTransposed(of.x, weights.cast<float>()) + of.skip);
      MatrixD residual = transposedTimes(goal - of.skip, of.x) - base;
      weights = start + MatrixD(factor.solve(residual.transpose()).transpose());
      if (round > 0 && goesOn && !goesOn(round, weights))
        break;
    }
    return weights;
  }

  MatrixD damped(MatrixD gram, double ridge) const {
    Eigen::Index k = rows_.columns();
    auto diagonal = gram.diagonal().head(k);
    double energy = diagonal.mean();
    if (fitRows_ == count_) // nothing tells whether the ridge is enough
      diagonal *= 1 + shrinkage(static_cast<double>(k), static_cast<double>(count_));
    diagonal.array() += ridge * energy + 1e-12;
    gram(k, k) += 1e-9 * static_cast<double>(count_); // where there is no bias, all there is
    return gram;
  }

  bool isClamped() const { return join_.low > -INFINITY || join_.high < INFINITY; }

  MatrixF clamp(const BlockF &values) const {
    return values.cwiseMax(static_cast<float>(join_.low)).cwiseMin(static_cast<float>(join_.high));
  }

  // Where the original is beyond the clamp, any result beyond it is right: the goal becomes the
  // present result there. This majorises the clamped error, so each round lowers it.
  void relax(MatrixF &goal, const BlockF &sum, const MatrixF &result) const {
    auto low = static_cast<float>(join_.low), high = static_cast<float>(join_.high);
    for (Eigen::Index row = 0; row < goal.rows(); ++row)
      for (Eigen::Index i = 0; i < goal.cols(); ++i) {
        float wanted = sum(row, i), present = result(row, i);
        goal(row, i) = wanted <= low    ? std::min(present, low)
                       : wanted >= high ? std::max(present, high)
                                        : wanted;
      }
  }

  LinearRows rows_;
  Join join_;
  size_t number_;
  const RefitOptions &options_;
  int64_t perSample_ = 1;
  std::vector<size_t> position_; // of each sample's rows
  Eigen::Index count_ = 0, fitRows_ = 0;
  std::vector<MatrixF> x_; // of each group, with a last column of ones for the bias
  MatrixF sum_, skip_;     // targets for all output channels, and what is added before the clamp
};

// Layers in order, in steps: a layer's step is behind those of all layers that its input and skips
// depend on.
std::vector<std::vector<size_t>> stepsOf(const Function &function,
                                         const std::vector<LinearRows> &layers,
                                         const std::vector<Join> &joins) {
  std::map<const Op *, size_t> layerOf;
  for (size_t i = 0; i < layers.size(); ++i)
    layerOf[&layers[i].op()] = i;
  std::map<const Value *, size_t> step; // first step in which the value is final
  std::vector<std::vector<size_t>> steps;
  for (const auto &op : function.body.ops()) {
    size_t at = 0;
    for (const Value *operand : op->operands())
      if (operand && step.contains(operand))
        at = std::max(at, step.at(operand));
    if (auto layer = layerOf.find(op.get()); layer != layerOf.end()) {
      for (const Value *skip : joins[layer->second].skips)
        if (step.contains(skip))
          at = std::max(at, step.at(skip));
      steps.resize(std::max(steps.size(), at + 1));
      steps[at].push_back(layer->second);
      ++at;
    }
    for (unsigned r = 0; r < op->numResults(); ++r)
      step[op->result(r)] = at;
  }
  return steps;
}

// Targets are collected for several steps ahead, as far as these bytes go.
constexpr size_t kMaxTargetBytes = size_t{192} << 20;
// Values between two steps, of all samples.
constexpr size_t kMaxReplayBytes = size_t{256} << 20;

class Refitter {
public:
  Refitter(Module &module, Function &function, const Function &original, const Origin &origin,
           Executor &executor, CachedSamples &samples, const RefitOptions &options,
           const Progress &progress)
      : module_(module), original_(original), origin_(origin), executor_(executor),
        samples_(samples), options_(options), progress_(progress), all_(samples, everyOne(samples)),
        replay_(function, executor, all_, {.samples = samples.size(), .bytes = kMaxReplayBytes}) {
    auto order = orderOf(function);
    for (const auto &op : function.body.ops()) {
      if (auto rows = LinearRows::of(*op)) {
        Join join = joinOf(*rows, order);
        if (!origin.values.contains(join.sum)) { // a part of what was one layer
          report_.skipped.push_back(
              {nameOfLayer(*op), "it is a part of a layer that the original computes in one"});
          continue;
        }
        joins_.push_back(std::move(join));
        layers_.push_back(*rows);
      } else if (op->def().is(OpTrait::Contraction) && constantOf(op->operand(1))) {
        report_.skipped.push_back({nameOfLayer(*op), LinearRows::whyNot(*op)});
      }
    }
    steps_ = stepsOf(function, layers_, joins_);
  }

  Expected<RefitReport> run() {
    std::map<size_t, LayerFit> fits;
    size_t ahead = 0;
    for (size_t step = 0; step < steps_.size(); ++step) {
      if (step == ahead) {
        size_t bytes = 0;
        do {
          for (size_t number : steps_[ahead]) {
            auto added = fits.try_emplace(number, layers_[number], joins_[number], number, options_,
                                          samples_);
            bytes += added.first->second.targetBytes();
          }
          ++ahead;
        } while (ahead < steps_.size() && bytes < kMaxTargetBytes);
        EDGECC_CHECK(collectTargets(fits));
      }
      EDGECC_CHECK(collectInputs(steps_[step], fits, step));
      for (size_t number : steps_[step]) {
        double before = 0, after = 0;
        if (fits.at(number).solve(module_, before, after))
          ++report_.layers;
        else
          report_.kept.push_back(nameOfLayer(layers_[number].op()));
        report_.errorBefore += before / static_cast<double>(layers_.size());
        report_.errorAfter += after / static_cast<double>(layers_.size());
        fits.erase(number);
      }
    }
    return std::move(report_);
  }

private:
  Expected<void> collectTargets(std::map<size_t, LayerFit> &fits) {
    std::vector<const Value *> wanted;
    std::vector<std::vector<int64_t>> kept;
    for (auto &[number, fit] : fits) {
      wanted.push_back(origin_.values.at(fit.join().sum));
      kept.push_back(origin_.indices(*fit.join().sum, fit.rows().outputChannelAxis()));
    }
    EDGECC_TRY(session, executor_.prepare(original_, wanted));
    for (size_t i = 0; i < samples_.size(); ++i) {
      EDGECC_TRY(inputs, samples_.get(i));
      EDGECC_TRY(values, session->run(inputs));
      size_t at = 0;
      for (auto &[number, fit] : fits) {
        fit.addTarget(i, values[at], kept[at]);
        ++at;
      }
    }
    return {};
  }

  Expected<void> collectInputs(const std::vector<size_t> &step, std::map<size_t, LayerFit> &fits,
                               size_t stepsDone) {
    std::vector<const Value *> wanted;
    for (size_t number : step) {
      wanted.push_back(&layers_[number].input());
      wanted.insert(wanted.end(), joins_[number].skips.begin(), joins_[number].skips.end());
    }
    auto visit = [&](size_t i, std::span<const Tensor> rest) {
      for (size_t number : step) {
        size_t skips = joins_[number].skips.size();
        fits.at(number).addInput(i, rest[0], rest.subspan(1, skips));
        rest = rest.subspan(1 + skips);
      }
      if (progress_)
        progress_(stepsDone * samples_.size() + i + 1, steps_.size() * samples_.size());
    };
    return replay_.run(wanted, firstUnfitted(stepsDone), visit);
  }

  // Of the layers of all steps from `step` on, the one that runs first.
  const Op &firstUnfitted(size_t step) const {
    size_t first = layers_.size();
    for (; step < steps_.size(); ++step)
      first = std::min(first, std::ranges::min(steps_[step]));
    return layers_[first].op();
  }

  static std::vector<size_t> everyOne(const CachedSamples &samples) {
    std::vector<size_t> all(samples.size());
    std::iota(all.begin(), all.end(), size_t{0});
    return all;
  }

  Module &module_;
  const Function &original_;
  const Origin &origin_;
  Executor &executor_;
  CachedSamples &samples_;
  const RefitOptions &options_;
  const Progress &progress_;
  std::vector<LinearRows> layers_;
  std::vector<Join> joins_;
  std::vector<std::vector<size_t>> steps_;
  SomeSamples all_;
  LayerReplay replay_; // of `function_`
  RefitReport report_;
};

} // namespace

Expected<RefitReport> refit(Module &module, Function &function, const Function &original,
                            const Origin &origin, Executor &executor, CachedSamples &samples,
                            const RefitOptions &options, const Progress &progress) {
  return Refitter(module, function, original, origin, executor, samples, options, progress).run();
}

} // namespace edgecc::pruning
