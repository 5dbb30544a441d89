#include "passes/compress/pruning/OutputError.h"

#include "passes/Rewrite.h"

namespace edgecc::pruning {

Expected<OutputError> OutputError::create(const Function &function, Executor &executor,
                                          CachedSamples &samples, size_t count) {
  OutputError error(function, executor, samples);
  for (const Value *output : function.body.yields()) {
    const Op *softmax = definedBy(output, OpKind::Softmax);
    const Value *value = softmax ? softmax->operand(0) : output;
    if (value->type.dtype == DType::F32)
      error.outputs_.push_back(value);
  }
  std::vector<size_t> checked = samples.checked(); // what weights are fitted on would flatter
  count = std::min(count, checked.size());
  for (size_t i = 0; i < count; ++i)
    error.picked_.push_back(checked[i * checked.size() / count]);
  EDGECC_TRY(wanted, error.run());
  error.wanted_ = std::move(wanted);
  return error;
}

Expected<std::vector<Eigen::VectorXf>> OutputError::run() const {
  EDGECC_TRY(session, executor_->prepare(*function_, outputs_));
  std::vector<Eigen::VectorXf> all(outputs_.size());
  for (size_t i : picked_) {
    EDGECC_TRY(inputs, samples_->get(i));
    EDGECC_TRY(values, session->run(inputs));
    for (size_t v = 0; v < values.size(); ++v) {
      auto data = values[v].data<float>();
      Eigen::Index at = all[v].size(), count = static_cast<Eigen::Index>(data.size());
      all[v].conservativeResize(at + count);
      all[v].tail(count) = Eigen::Map<const Eigen::VectorXf>(data.data(), count);
    }
  }
  return all;
}

Expected<double> OutputError::measure() const {
  EDGECC_TRY(now, run());
  double sum = 0;
  for (size_t v = 0; v < now.size(); ++v) {
    Eigen::VectorXd wanted = wanted_[v].cast<double>();
    double variance = (wanted.array() - wanted.mean()).square().sum();
    if (variance > 0)
      sum += (now[v].cast<double>() - wanted).squaredNorm() / variance /
             static_cast<double>(now.size());
  }
  return sum;
}

} // namespace edgecc::pruning
