// How far a network's outputs are from what they were, for trials with other parameters.
#pragma once

#include "passes/compress/pruning/LayerSamples.h"

namespace edgecc::pruning {

class OutputError {
public:
  // Runs the function as it is on at most `count` samples, held out ones if there are, and keeps
  // what it puts out. What a Softmax turns into an output stands for that output.
  static Expected<OutputError> create(const Function &function, Executor &executor,
                                      CachedSamples &samples, size_t count);

  // Whether there is an f32 output.
  bool canMeasure() const { return !outputs_.empty(); }

  // Squared error of the outputs now relative to their variance, the mean over outputs.
  Expected<double> measure() const;

private:
  OutputError(const Function &function, Executor &executor, CachedSamples &samples)
      : function_(&function), executor_(&executor), samples_(&samples) {}
  Expected<std::vector<Eigen::VectorXf>> run() const; // one for each output, samples in a row

  const Function *function_;
  Executor *executor_;
  CachedSamples *samples_;
  std::vector<const Value *> outputs_;
  std::vector<size_t> picked_;
  std::vector<Eigen::VectorXf> wanted_;
};

// Parameters that get their contents back.
class Restore {
public:
  ~Restore() {
    for (auto &[parameter, content] : saved_)
      parameter->content = content;
  }
  void save(Parameter &parameter) { saved_.try_emplace(&parameter, parameter.content); }

private:
  std::map<Parameter *, Tensor> saved_;
};

} // namespace edgecc::pruning
