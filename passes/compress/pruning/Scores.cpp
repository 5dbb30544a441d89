#include "passes/compress/pruning/Scores.h"

#include "ir/OpDef.h"
#include "passes/compress/pruning/Moments.h"

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
      weights_.push_back(std::move(w));
      if (moments.isLarge())
        continue;
      MatrixD damped = moments.gram[static_cast<size_t>(g)];
      damped.diagonal().array() += 1e-4 * damped.diagonal().mean() + 1e-12;
      inverse_.push_back(damped.llt().solve(MatrixD::Identity(damped.rows(), damped.cols())));
    }
  }

  double loss(size_t channel) const {
    double sum = 0;
    for (size_t g = 0; g < weights_.size(); ++g) {
      if (moments_.isLarge()) {
        for (int64_t c : columns_[channel])
          sum += weights_[g].col(c).squaredNorm() * moments_.diagonal[g](0, c);
        continue;
      }
      MatrixD w = weights_[g](Eigen::all, columns_[channel]);
      MatrixD h = inverse_[g](columns_[channel], columns_[channel]);
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
      weights_[g] -= w * gain;
      inverse_[g] -= left * gain;
      for (int64_t i : c) { // exactly gone
        weights_[g].col(i).setZero();
        inverse_[g].row(i).setZero();
        inverse_[g].col(i).setZero();
      }
    }
  }

private:
  const Moments &moments_;
  std::vector<std::vector<int64_t>> columns_;
  std::vector<MatrixD> weights_, inverse_;
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

Curve greedy(const DependencyGroup &group, std::vector<Consumer> consumers) {
  Curve curve;
  std::vector<size_t> left(group.channels.size());
  std::iota(left.begin(), left.end(), size_t{0});
  while (!left.empty()) {
    size_t best = 0;
    double least = INFINITY;
    for (size_t i = 0; i < left.size(); ++i) {
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
    for (Consumer &consumer : consumers)
      consumer.remove(left[best]);
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(best));
  }
  return curve;
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
  for (const DependencyGroup &group : groups) {
    auto consumers = consumersOf(group, moments);
    if (criterion == Criterion::Taylor) {
      curves.push_back(greedy(group, std::move(consumers)));
      continue;
    }
    std::vector<double> scores(group.channels.size(), 0.0);
    for (size_t c = 0; c < scores.size(); ++c)
      for (const Consumer &consumer : consumers)
        scores[c] += consumer.energy(c);
    curves.push_back(sorted(scores));
  }
  return curves;
}

} // namespace edgecc::pruning
