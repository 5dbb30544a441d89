#include "passes/compress/pruning/Scores.h"

#include "ir/OpDef.h"
#include "passes/compress/pruning/Moments.h"
#include "passes/compress/pruning/OutputError.h"

#include <algorithm>
#include <numeric>
#include <set>

namespace edgecc::pruning {

namespace {

// One consumer of a group while channels go.
class Consumer {
public:
  // `columns[c]`: of channel c, in each group of W.
  Consumer(const Moments &moments, std::vector<std::vector<int64_t>> columns)
      : moments_(moments), columns_(std::move(columns)) {
    for (int64_t g = 0; g < moments.rows.groups(); ++g) {
      MatrixD w(moments.rows.rows(), moments.rows.columns() + 1);
      w << moments.rows.matrix(g), moments.rows.bias(g);
      norms_.push_back(w.colwise().squaredNorm());
      weights_.push_back(std::move(w));
      if (moments.isLarge())
        continue;
      MatrixD damped = moments.damped(g, 1e-4);
      inverse_.push_back(damped.llt().solve(MatrixD::Identity(damped.rows(), damped.cols())));
    }
  }

  double loss(size_t channel) const {
    double sum = 0;
    for (size_t g = 0; g < weights_.size(); ++g) {
      if (moments_.isLarge()) {
        for (int64_t c : columns_[channel])
          sum += norms_[g](0, c) * moments_.diagonal[g](0, c);
        continue;
      }
      const auto &columns = columns_[channel];
      if (columns.size() == 1) {
        sum += norms_[g](0, columns[0]) / inverse_[g](columns[0], columns[0]);
        continue;
      }
      MatrixD w = weights_[g](Eigen::all, columns);
      MatrixD h = inverse_[g](columns, columns);
      sum += w.cwiseProduct(h.llt().solve(w.transpose()).transpose()).sum();
    }
    return moments_.variance > 0 ? sum / moments_.variance : 0;
  }

  double energy(size_t channel) const {
    double sum = 0, mean = 0;
    for (size_t g = 0; g < weights_.size(); ++g) {
      auto diagonal = [&](int64_t c) {
        return moments_.isLarge() ? moments_.diagonal[g](0, c) : moments_.gram[g](c, c);
      };
      for (int64_t c : columns_[channel])
        sum += diagonal(c);
      for (int64_t c = 0; c < moments_.rows.columns(); ++c)
        mean += diagonal(c);
    }
    return mean > 0 ? sum / mean : 0;
  }

  void remove(size_t channel) {
    const auto &c = columns_[channel];
    for (size_t g = 0; g < inverse_.size(); ++g) {
      MatrixD left = inverse_[g](Eigen::all, c);
      MatrixD block = inverse_[g](c, c);
      MatrixD gain = block.llt().solve(left.transpose()); // H^-1_cc^-1 H^-1_c,:
      MatrixD w = weights_[g](Eigen::all, c);
      weights_[g].noalias() -= w * gain;
      inverse_[g].noalias() -= left * gain;
      for (int64_t i : c) { // exactly gone
        weights_[g].col(i).setZero();
        inverse_[g].row(i).setZero();
        inverse_[g].col(i).setZero();
      }
      norms_[g] = weights_[g].colwise().squaredNorm();
    }
  }

  // Writes the present weights, for a trial.
  void apply(Restore &restore) const {
    LinearRows rows = moments_.rows;
    restore.save(rows.weights());
    if (rows.biasParameter())
      restore.save(*rows.biasParameter());
    std::vector<MatrixD> weights;
    std::vector<Eigen::VectorXd> biases;
    for (const MatrixD &w : weights_) {
      weights.push_back(w.leftCols(rows.columns()));
      biases.push_back(w.col(rows.columns()));
    }
    rows.overwrite(weights, biases);
  }

private:
  const Moments &moments_;
  std::vector<std::vector<int64_t>> columns_;
  std::vector<MatrixD> weights_, inverse_;
  std::vector<MatrixD> norms_; // squared, of each column of the weights
};

std::vector<Consumer> consumersOf(const DependencyGroup &group, const MomentsOfLayers &moments) {
  std::vector<Consumer> consumers;
  for (size_t a = 0; a < group.axes.size(); ++a) {
    const Op *op = group.axes[a].value->definingOp();
    auto entry = op && op->parameter ? moments.find(op->parameter) : moments.end();
    if (entry == moments.end() || entry->second.rows.inputAxis() != group.axes[a].axis)
      continue;
    int64_t taps = entry->second.rows.taps(), size = entry->second.rows.columns();
    std::vector<std::vector<int64_t>> columns;
    for (const auto &channel : group.channels) {
      auto &of = columns.emplace_back();
      for (int64_t index : channel[a])
        for (int64_t t = 0; t < taps; ++t)
          if (index * taps + t < size) // a grouped transposed layer counts channels of all groups
            of.push_back(index * taps + t);
    }
    consumers.emplace_back(entry->second, std::move(columns));
  }
  return consumers;
}

Curve sorted(const std::vector<double> &scores) {
  Curve curve;
  curve.order.resize(scores.size());
  std::iota(curve.order.begin(), curve.order.end(), size_t{0});
  std::ranges::sort(curve.order, [&](size_t a, size_t b) {
    return std::pair(scores[a], a) < std::pair(scores[b], b);
  });
  double mean = 0;
  for (double score : scores)
    mean += score / static_cast<double>(scores.size());
  for (size_t i : curve.order)
    curve.loss.push_back(mean > 0 ? scores[i] / mean : 0);
  return curve;
}

// Whether the parameter's axis counts what its readers compute, not what they read; and, for
// `scales`, whether it is the scale of batch norms.
bool isProducer(const SlicedAxis &axis, bool scales) {
  return std::ranges::any_of(axis.value->uses(), [&](const Use &use) {
    if (use.user->kind() == OpKind::BatchNormalization)
      return scales && use.operand == 1;
    if (scales || use.operand != 1 || !use.user->def().is(OpTrait::Contraction))
      return false;
    auto rows = LinearRows::of(*use.user);
    return rows ? rows->inputAxis() != axis.axis || rows->columns() == rows->taps()
                : axis.axis == 0;
  });
}

std::vector<double> weightScores(const DependencyGroup &group, Criterion criterion) {
  std::vector<double> scores(group.channels.size(), 0.0);
  for (size_t a = 0; a < group.axes.size(); ++a) {
    const Tensor *content = constantOf(group.axes[a].value);
    if (!content || !isProducer(group.axes[a], criterion == Criterion::BnScale))
      continue;
    unsigned axis = group.axes[a].axis;
    int64_t extent = content->dims()[axis], inner = 1;
    for (unsigned i = axis + 1; i < content->rank(); ++i)
      inner *= content->dims()[i];
    std::vector<double> sums(static_cast<size_t>(extent), 0.0);
    for (int64_t i = 0; i < content->elements(); ++i) {
      double w = content->asDouble(i);
      sums[static_cast<size_t>(i / inner % extent)] +=
          criterion == Criterion::L2 ? w * w : std::abs(w);
    }
    for (size_t c = 0; c < group.channels.size(); ++c)
      for (int64_t index : group.channels[c][a])
        scores[c] += sums[static_cast<size_t>(index)];
  }
  if (criterion == Criterion::L2)
    for (double &score : scores)
      score = std::sqrt(score);
  return scores;
}

// Zeroes what the channels take from every parameter.
void zero(const DependencyGroup &group, std::span<const size_t> channels, Restore &restore) {
  for (size_t a = 0; a < group.axes.size(); ++a) {
    const auto &[value, axis] = group.axes[a];
    if (!constantOf(value))
      continue;
    Parameter &parameter = *value->definingOp()->parameter;
    restore.save(parameter);
    Tensor &content = parameter.content;
    std::set<int64_t> gone;
    for (size_t c : channels)
      gone.insert(group.channels[c][a].begin(), group.channels[c][a].end());
    int64_t inner = 1;
    for (unsigned i = axis + 1; i < content.rank(); ++i)
      inner *= content.dims()[i];
    for (int64_t i = 0; i < content.elements(); ++i)
      if (gone.contains(i / inner % content.dims()[axis]))
        content.setDouble(i, 0);
  }
}

// Shares of a group at which the loss is measured.
constexpr double kLevels[] = {0.125, 0.25, 0.5, 0.75};
constexpr double kLost = 1; // error / variance of outputs beyond which more trials tell nothing

// Makes the sum of loss[from..to) `total`, in proportion to what is there.
void rescale(std::vector<double> &loss, size_t from, size_t to, double total) {
  double sum = 0;
  for (size_t i = from; i < to; ++i)
    sum += loss[i];
  for (size_t i = from; i < to; ++i)
    loss[i] = sum > 0 ? loss[i] / sum * total : total / static_cast<double>(to - from);
}

// The first op that reads one of the group's parameters; null if none does.
const Op *firstReader(const Function &function, const DependencyGroup &group) {
  std::set<const Parameter *> parameters;
  for (const SlicedAxis &axis : group.axes)
    if (constantOf(axis.value))
      parameters.insert(axis.value->definingOp()->parameter);
  for (const auto &op : function.body.ops())
    for (const Value *operand : op->operands())
      if (operand && constantOf(operand) && parameters.contains(operand->definingOp()->parameter))
        return op.get();
  return nullptr;
}

// `from`: firstReader().
Expected<Curve> greedy(const DependencyGroup &group, std::vector<Consumer> consumers,
                       OutputError &outputs, const Op *from) {
  Curve curve;
  size_t size = group.channels.size();
  std::vector<size_t> left(size);
  std::iota(left.begin(), left.end(), size_t{0});
  std::set<size_t> levels;
  for (double share : kLevels)
    levels.insert(std::max<size_t>(static_cast<size_t>(share * static_cast<double>(size)), 1));
  std::vector<double> local; // loss in the consumers
  Curve magnitude;           // where no consumer can be compensated
  if (consumers.empty())
    magnitude = sorted(weightScores(group, Criterion::L2));
  size_t measured = 0;
  double before = 0, perLoss = 1;
  while (!left.empty()) {
    size_t best = 0;
    double least = INFINITY;
    if (consumers.empty()) {
      least = magnitude.loss[curve.order.size()];
      best = static_cast<size_t>(std::ranges::find(left, magnitude.order[curve.order.size()]) -
                                 left.begin());
    }
    for (size_t i = 0; !consumers.empty() && i < left.size(); ++i) {
      double loss = 0;
      for (const Consumer &consumer : consumers)
        loss += consumer.loss(left[i]);
      if (loss < least) {
        least = loss;
        best = i;
      }
    }
    curve.order.push_back(left[best]);
    curve.loss.push_back(std::isfinite(least) ? std::max(least, 0.0) : 0);
    local.push_back(curve.loss.back());
    for (Consumer &consumer : consumers)
      consumer.remove(left[best]);
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(best));
    if (size_t gone = curve.order.size();
        outputs.canMeasure() && from && levels.contains(gone) && before < kLost) {
      Restore restore;
      for (const Consumer &consumer : consumers)
        consumer.apply(restore);
      zero(group, curve.order, restore);
      EDGECC_TRY(now, outputs.measure(*from));
      double sum = std::accumulate(curve.loss.begin() + static_cast<std::ptrdiff_t>(measured),
                                   curve.loss.end(), 0.0);
      double more = std::isfinite(now) ? std::max(now - before, 0.0) : 1e9;
      perLoss = sum > 0 ? more / sum : perLoss;
      rescale(curve.loss, measured, gone, more);
      before += more;
      measured = gone;
    }
  }
  for (size_t i = measured; i < size; ++i)
    curve.loss[i] *= perLoss;
  for (size_t i = 0; measured > 0 && !consumers.empty() && i < size; ++i)
    curve.loss[i] = std::sqrt(curve.loss[i] * local[i]);
  return curve;
}

// From the first layers to the last, so that what is in front of a group is not computed again.
Expected<std::vector<Curve>> measureCurves(const Function &function,
                                           std::span<const DependencyGroup> groups,
                                           const MomentsOfLayers &moments, OutputError &outputs,
                                           const std::function<void(size_t, size_t)> &progress) {
  auto order = orderOf(function);
  struct Start {
    size_t group;
    const Op *reader;
    size_t position;
  };
  std::vector<Start> starts;
  for (size_t g = 0; g < groups.size(); ++g) {
    const Op *reader = firstReader(function, groups[g]);
    starts.push_back({g, reader, reader ? order.at(reader) : 0});
  }
  std::ranges::stable_sort(starts, {}, &Start::position);
  std::vector<Curve> curves(groups.size());
  size_t done = 0;
  for (const Start &start : starts) {
    const DependencyGroup &group = groups[start.group];
    EDGECC_TRY(curve, greedy(group, consumersOf(group, moments), outputs, start.reader));
    curves[start.group] = std::move(curve);
    if (progress)
      progress(++done, groups.size());
  }
  return curves;
}

} // namespace

Expected<std::vector<Curve>> scoreChannels(const Function &function,
                                           std::span<const DependencyGroup> groups,
                                           Criterion criterion, Executor *executor,
                                           CachedSamples *samples,
                                           const std::function<void(size_t, size_t)> &progress) {
  std::vector<Curve> curves;
  if (criterion != Criterion::Activation && criterion != Criterion::Taylor) {
    for (const DependencyGroup &group : groups)
      curves.push_back(sorted(weightScores(group, criterion)));
    return curves;
  }
  std::set<std::pair<const Parameter *, unsigned>> sliced;
  for (const DependencyGroup &group : groups)
    for (const SlicedAxis &axis : group.axes)
      if (const Op *op = axis.value->definingOp(); op && op->parameter)
        sliced.insert({op->parameter, axis.axis});
  auto isConsumer = [&](const LinearRows &rows) { // depthwise layers pass their channels on
    return sliced.contains({&rows.weights(), rows.inputAxis()}) &&
           (rows.groups() == 1 || rows.columns() > rows.taps());
  };
  EDGECC_TRY(moments, collectMoments(function, *executor, *samples, isConsumer, progress));
  if (criterion == Criterion::Taylor) {
    EDGECC_TRY(outputs, OutputError::create(function, *executor, *samples, 64));
    return measureCurves(function, groups, moments, outputs, progress);
  }
  for (const DependencyGroup &group : groups) {
    auto consumers = consumersOf(group, moments);
    std::vector<double> scores(group.channels.size(), 0.0);
    for (size_t c = 0; c < scores.size(); ++c)
      for (const Consumer &consumer : consumers)
        scores[c] += consumer.energy(c);
    curves.push_back(sorted(scores));
  }
  return curves;
}

} // namespace edgecc::pruning
