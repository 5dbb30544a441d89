// Second moments of what layers read, from calibration samples.
#pragma once

#include "passes/compress/pruning/LayerSamples.h"

#include <functional>

namespace edgecc::pruning {

// Of one layer's input rows x (LinearRows), with a last element 1 for the bias.
struct Moments {
  // Beyond so many columns the matrix is too large: its diagonal stands for it.
  static constexpr int64_t kMaxColumns = 2400;

  explicit Moments(const LinearRows &rows, const Value &sum, size_t number);

  LinearRows rows;
  const Value *sum;              // what the layer's result becomes part of (Join)
  size_t number;                 // of the layer
  std::vector<MatrixD> gram;     // E[x x^T] of each group
  std::vector<MatrixD> diagonal; // its diagonal alone, as one row, for layers with many columns
  double variance = 0;           // of the sum's channels, added up
  bool isLarge() const { return rows.columns() > kMaxColumns; }
  // The moments of a group with what numerical noise and few samples ask for on the diagonal.
  MatrixD damped(int64_t group, double ridge) const;

private:
  friend class MomentsCollector;
  int64_t perSample_ = 1;
  double count_ = 0;
  Eigen::VectorXd total_, square_; // of the sum's channels
};

// By the weights' parameters.
using MomentsOfLayers = std::map<const Parameter *, Moments>;

// Of the layers that `isWanted`, from one run over the samples. Memory: one matrix for each layer
// and group, of at most 46 MB.
Expected<MomentsOfLayers> collectMoments(const Function &function, Executor &executor,
                                         CachedSamples &samples,
                                         const std::function<bool(const LinearRows &)> &isWanted,
                                         const std::function<void(size_t, size_t)> &progress);

} // namespace edgecc::pruning
