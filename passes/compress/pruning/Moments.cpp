#include "passes/compress/pruning/Moments.h"

#include <algorithm>
#include <numeric>

namespace edgecc::pruning {

Moments::Moments(const LinearRows &rows, const Value &sum, size_t number)
    : rows(rows), sum(&sum), number(number) {
  auto k = rows.columns() + 1;
  for (int64_t g = 0; g < rows.groups(); ++g) {
    gram.push_back(isLarge() ? MatrixD() : MatrixD::Zero(k, k));
    diagonal.push_back(isLarge() ? MatrixD::Zero(1, k) : MatrixD());
  }
  total_ = square_ = Eigen::VectorXd::Zero(sum.dims()[rows.outputChannelAxis()]);
}

MatrixD Moments::damped(int64_t group, double ridge) const {
  MatrixD out = gram[static_cast<size_t>(group)];
  Eigen::Index k = rows.columns();
  auto diagonal = out.diagonal().head(k);
  double mean = diagonal.mean();
  diagonal *= 1 + shrinkage(static_cast<double>(k), count_);
  diagonal.array() += ridge * mean + 1e-12;
  out(k, k) += 1e-9;
  return out;
}

class MomentsCollector {
public:
  // Enough rows for the matrix to have full rank, from all samples.
  static void plan(Moments &m, size_t samples) {
    m.perSample_ = std::clamp<int64_t>(16 * m.rows.columns() / static_cast<int64_t>(samples) + 1, 1,
                                       m.rows.places());
  }

  static void add(Moments &m, size_t sample, const Tensor &x, const Tensor &sum) {
    auto places = choosePlaces(m.rows.places(), m.perSample_, sample, m.number);
    MatrixF block = MatrixF::Ones(static_cast<Eigen::Index>(places.size()), m.rows.columns() + 1);
    for (int64_t g = 0; g < m.rows.groups(); ++g) {
      for (size_t i = 0; i < places.size(); ++i)
        m.rows.gather(x, places[i], g, block.row(static_cast<Eigen::Index>(i)).data());
      auto at = static_cast<size_t>(g);
      if (m.isLarge())
        m.diagonal[at] += block.colwise().squaredNorm().cast<double>();
      else
        m.gram[at] += gramOf(block);
    }
    std::vector<int64_t> all(static_cast<size_t>(m.total_.size()));
    std::iota(all.begin(), all.end(), int64_t{0});
    Eigen::VectorXf y(m.total_.size());
    for (int64_t place : places) {
      m.rows.target(sum, place, all, y.data());
      m.total_ += y.cast<double>();
      m.square_ += y.cast<double>().cwiseAbs2();
    }
    m.count_ += static_cast<double>(places.size());
  }

  static void finish(Moments &m) {
    m.variance = (m.square_ / m.count_ - (m.total_ / m.count_).cwiseAbs2()).sum();
    for (MatrixD &gram : m.gram)
      gram /= m.count_;
    for (MatrixD &diagonal : m.diagonal)
      diagonal /= m.count_;
  }
};

Expected<MomentsOfLayers> collectMoments(const Function &function, Executor &executor,
                                         CachedSamples &samples,
                                         const std::function<bool(const LinearRows &)> &isWanted,
                                         const std::function<void(size_t, size_t)> &progress) {
  auto order = orderOf(function);
  MomentsOfLayers moments;
  std::vector<Moments *> inOrder;
  std::vector<const Value *> wanted;
  for (const auto &op : function.body.ops()) {
    auto rows = LinearRows::of(*op);
    if (!rows || !isWanted(*rows))
      continue;
    const Value *sum = joinOf(*rows, order).sum;
    Moments &m = moments.try_emplace(&rows->weights(), *rows, *sum, inOrder.size()).first->second;
    MomentsCollector::plan(m, samples.fitted().size());
    inOrder.push_back(&m);
    wanted.push_back(&rows->input());
    wanted.push_back(sum);
  }
  if (inOrder.empty())
    return moments;
  EDGECC_TRY(session, executor.prepare(function, wanted));
  for (size_t i : samples.fitted()) {
    EDGECC_TRY(inputs, samples.get(i));
    EDGECC_TRY(values, session->run(inputs));
    for (size_t l = 0; l < inOrder.size(); ++l)
      MomentsCollector::add(*inOrder[l], i, values[2 * l], values[2 * l + 1]);
    if (progress)
      progress(i + 1, samples.size());
  }
  for (Moments *m : inOrder)
    MomentsCollector::finish(*m);
  return moments;
}

} // namespace edgecc::pruning
