#include "passes/compress/pruning/OutputError.h"

#include "passes/Rewrite.h"

#include <algorithm>

namespace edgecc::pruning {

namespace {

// Between two layers, of all samples.
constexpr size_t kMaxReplayBytes = size_t{256} << 20;

} // namespace

Expected<OutputError> OutputError::create(const Function &function, Executor &executor,
                                          CachedSamples &samples, size_t count) {
  OutputError error;
  error.order_ = orderOf(function);
  for (const Value *output : function.body.yields()) {
    const Op *softmax = definedBy(output, OpKind::Softmax);
    const Value *value = softmax ? softmax->operand(0) : output;
    if (value->type.dtype == DType::F32 && value->definingOp() && !constantOf(value))
      error.outputs_.push_back({value, error.order_.at(value->definingOp()), {}});
  }
  std::ranges::stable_sort(error.outputs_, {}, &Output::maker);
  std::vector<size_t> checked = samples.checked(); // what weights are fitted on would flatter
  count = std::min(count, checked.size());
  std::vector<size_t> picked;
  for (size_t i = 0; i < count; ++i)
    picked.push_back(checked[i * checked.size() / count]);
  error.picked_ = std::make_unique<SomeSamples>(samples, std::move(picked));
  error.replay_ = std::make_unique<LayerReplay>(
      function, executor, *error.picked_, ReplayLimits{.samples = count, .bytes = kMaxReplayBytes});
  if (error.outputs_.empty())
    return error;
  EDGECC_TRY(wanted, error.run(*function.body.ops().front(), 0));
  for (size_t v = 0; v < wanted.size(); ++v)
    error.outputs_[v].wanted = std::move(wanted[v]);
  return error;
}

Expected<std::vector<Eigen::VectorXf>> OutputError::run(const Op &from, size_t first) {
  std::vector<const Value *> values;
  for (size_t v = first; v < outputs_.size(); ++v)
    values.push_back(outputs_[v].value);
  std::vector<Eigen::VectorXf> all;
  for (const Value *value : values)
    all.emplace_back(static_cast<Eigen::Index>(picked_->size()) * value->type.elements());
  EDGECC_CHECK(replay_->run(values, from, [&](size_t sample, std::span<const Tensor> tensors) {
    for (size_t v = 0; v < tensors.size(); ++v) {
      auto data = tensors[v].data<float>();
      auto count = static_cast<Eigen::Index>(data.size());
      all[v].segment(static_cast<Eigen::Index>(sample) * count, count) =
          Eigen::Map<const Eigen::VectorXf>(data.data(), count);
    }
  }));
  return all;
}

Expected<double> OutputError::measure(const Op &from) {
  size_t at = order_.at(&from), first = 0; // outputs made before `from` are what they were
  while (first < outputs_.size() && outputs_[first].maker < at)
    ++first;
  EDGECC_TRY(now, run(from, first));
  double sum = 0;
  for (size_t v = 0; v < now.size(); ++v) {
    Eigen::VectorXd wanted = outputs_[first + v].wanted.cast<double>();
    double variance = (wanted.array() - wanted.mean()).square().sum();
    if (variance > 0)
      sum += (now[v].cast<double>() - wanted).squaredNorm() / variance /
             static_cast<double>(outputs_.size());
  }
  return sum;
}

} // namespace edgecc::pruning
