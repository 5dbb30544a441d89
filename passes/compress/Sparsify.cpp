// Unstructured magnitude pruning (Han et al., "Learning both Weights and Connections for Efficient
// Neural Networks", NeurIPS 2015): the smallest weights become zero. With calibration data the
// weights that are left make up for those that go, column by column, by the inverse of the inputs'
// second moments (Frantar and Alistarh, "SparseGPT", ICML 2023).
#include "ir/OpDef.h"
#include "passes/compress/Passes.h"
#include "passes/compress/pruning/Moments.h"

#include <algorithm>
#include <cmath>

namespace edgecc {

using namespace pruning;

namespace {

struct Layer {
  Op *op;
  Parameter *weights;
  double rms = 0; // of the weights
  int64_t zeros = 0;
};

// Constant float weights of contractions, each parameter once.
std::vector<Layer> layersOf(const Function &function) {
  std::vector<Layer> layers;
  for (const auto &op : function.body.ops()) {
    if (!op->def().is(OpTrait::Contraction) || !constantOf(op->operand(1)) ||
        op->operand(1)->type.dtype != DType::F32)
      continue;
    Parameter *weights = op->operand(1)->definingOp()->parameter;
    if (std::ranges::any_of(layers, [&](const Layer &l) { return l.weights == weights; }))
      continue;
    double sum = 0;
    for (float w : weights->content.data<float>())
      sum += static_cast<double>(w) * w;
    layers.push_back(
        {op.get(), weights,
         std::sqrt(sum / static_cast<double>(std::max<int64_t>(weights->content.elements(), 1)))});
  }
  return layers;
}

// The `count` smallest of `magnitudes`; of equal ones those that come first.
std::vector<size_t> smallest(const std::vector<double> &magnitudes, size_t count) {
  std::vector<size_t> order(magnitudes.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  auto less = [&](size_t a, size_t b) {
    return std::pair(magnitudes[a], a) < std::pair(magnitudes[b], b);
  };
  std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                   less);
  order.resize(count);
  return order;
}

size_t share(double ratio, size_t count) {
  return static_cast<size_t>(std::llround(ratio * static_cast<double>(count)));
}

// One mask for each layer, true where a weight becomes zero.
std::vector<std::vector<bool>> masksOf(const std::vector<Layer> &layers, double ratio,
                                       bool perLayer) {
  std::vector<std::vector<bool>> masks;
  std::vector<double> magnitudes;
  std::vector<std::pair<size_t, size_t>> places;
  for (size_t l = 0; l < layers.size(); ++l) {
    auto w = layers[l].weights->content.data<float>();
    masks.emplace_back(w.size(), false);
    if (perLayer)
      magnitudes.clear();
    for (size_t i = 0; i < w.size(); ++i) {
      magnitudes.push_back(layers[l].rms > 0 ? std::abs(w[i]) / layers[l].rms : 0);
      places.emplace_back(l, i);
    }
    if (perLayer)
      for (size_t i : smallest(magnitudes, share(ratio, w.size())))
        masks[l][i] = true;
  }
  if (!perLayer)
    for (size_t i : smallest(magnitudes, share(ratio, magnitudes.size())))
      masks[places[i].first][places[i].second] = true;
  return masks;
}

// Zeroes the masked columns of each row of W from the left to the right. What a weight contributed
// goes to the columns behind it: w_j.. -= w_j / U_jj * U_j.. with U^T U = H^-1, the inverse of the
// moments of what has not been passed yet.
void compensate(const Moments &moments, int64_t group, const std::vector<std::vector<bool>> &mask,
                MatrixD &w) {
  MatrixD damped = moments.damped(group, 1e-2);
  Eigen::Index k = w.cols();
  Eigen::LLT<MatrixD> factor(damped);
  if (factor.info() != Eigen::Success)
    return;
  MatrixD inverse = factor.solve(MatrixD::Identity(k, k));
  Eigen::LLT<MatrixD> ofInverse(inverse);
  if (ofInverse.info() != Eigen::Success)
    return;
  MatrixD upper = ofInverse.matrixU();
  for (Eigen::Index j = 0; j + 1 < k; ++j)
    for (Eigen::Index r = 0; r < w.rows(); ++r)
      if (mask[static_cast<size_t>(r)][static_cast<size_t>(j)] && w(r, j) != 0)
        w.row(r).tail(k - j) -= w(r, j) / upper(j, j) * upper.row(j).tail(k - j);
}

Expected<void> checkFinite(const std::vector<Layer> &layers, const MomentsOfLayers &moments) {
  for (const Layer &layer : layers)
    if (auto entry = moments.find(layer.weights); entry != moments.end())
      if (!std::ranges::all_of(entry->second.gram, [](const MatrixD &m) { return m.allFinite(); }))
        return error("a sample makes the layer's input NaN or infinite", nameOfLayer(*layer.op),
                     "leave the sample out, or check how inputs are preprocessed");
  return {};
}

} // namespace

Expected<void> sparsify(Module &module, PassContext &context) {
  double ratio = context.options.real("ratio");
  const std::string &scope = context.options.text("scope");
  if (!(ratio >= 0) || ratio > 1)
    return error("ratio is a fraction from 0 to 1", "sparsify");
  if (scope != "global" && scope != "layer")
    return error("there is no scope '" + scope + "'", "sparsify", "global or layer");
  EDGECC_CHECK(checkFiniteWeights(module.main(), "sparsify"));
  auto layers = layersOf(module.main());
  auto masks = masksOf(layers, ratio, scope == "layer");

  MomentsOfLayers moments;
  bool hasData = context.executor && context.compression && context.compression->data &&
                 context.compression->data->size() > 0;
  if (context.options.flag("refit") && hasData) {
    CachedSamples samples(*context.compression->data,
                          static_cast<size_t>(context.options.integer("samples")));
    EDGECC_TRY(collected, collectMoments(
                              module.main(), *context.executor, samples,
                              [](const LinearRows &) { return true; }, context.progress));
    moments = std::move(collected);
    EDGECC_CHECK(checkFinite(layers, moments));
  }

  int64_t zeros = 0, total = 0;
  for (size_t l = 0; l < layers.size(); ++l) {
    Layer &layer = layers[l];
    if (auto entry = moments.find(layer.weights); entry != moments.end()) {
      LinearRows rows = entry->second.rows;
      std::vector<MatrixD> weights;
      std::vector<Eigen::VectorXd> biases;
      for (int64_t g = 0; g < rows.groups(); ++g) {
        std::vector<std::vector<bool>> mask(static_cast<size_t>(rows.rows()));
        for (int64_t r = 0; r < rows.rows(); ++r)
          for (int64_t c = 0; c < rows.columns(); ++c)
            mask[static_cast<size_t>(r)].push_back(
                masks[l][static_cast<size_t>(rows.weightIndex(g, r, c))]);
        MatrixD w(rows.rows(), rows.columns() + 1);
        w << rows.matrix(g), rows.bias(g);
        if (!entry->second.isLarge())
          compensate(entry->second, g, mask, w);
        weights.push_back(w.leftCols(rows.columns()));
        biases.push_back(w.col(rows.columns()));
      }
      rows.store(module, weights, biases);
    }
    auto w = layer.weights->content.mutableData<float>();
    for (size_t i = 0; i < w.size(); ++i) {
      if (masks[l][i])
        w[i] = 0;
      layer.zeros += w[i] == 0;
    }
    zeros += layer.zeros;
    total += static_cast<int64_t>(w.size());
    if (context.compression && !w.empty())
      context.compression->notes.push_back(
          {"sparsify", nameOfLayer(*layer.op),
           std::to_string(100 * layer.zeros / static_cast<int64_t>(w.size())) +
               " % of the weights are zero. This saves bytes only where the file is compressed, "
               "and no time."});
  }
  context.statistics.add("weights are zero", zeros);
  context.statistics.add("weights in all", total);
  return {};
}

} // namespace edgecc
