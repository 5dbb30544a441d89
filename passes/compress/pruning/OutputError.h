// How far a network's outputs are from what they were, for trials with other parameters.
#pragma once

#include "passes/compress/pruning/LayerSamples.h"
#include "passes/compress/rounding/LayerReplay.h"

namespace edgecc::pruning {

class OutputError {
public:
  // Runs the function as it is on at most `count` samples, held out ones if there are, and keeps
  // what it puts out. What a Softmax turns into an output stands for that output.
  static Expected<OutputError> create(const Function &function, Executor &executor,
                                      CachedSamples &samples, size_t count);

  // Whether there is an f32 output.
  bool canMeasure() const { return !outputs_.empty(); }

  // Squared error of the outputs now relative to their variance, the mean over outputs. `from`: the
  // first op whose parameters have changed; from call to call it may stay or go on towards the end.
  Expected<double> measure(const Op &from);

private:
  struct Output {
    const Value *value;
    size_t maker;           // position of its op in the body
    Eigen::VectorXf wanted; // samples in a row
  };
  // What the outputs from `first` on are now.
  Expected<std::vector<Eigen::VectorXf>> run(const Op &from, size_t first);

  std::unique_ptr<SomeSamples> picked_;
  std::unique_ptr<LayerReplay> replay_;
  std::map<const Op *, size_t> order_;
  std::vector<Output> outputs_; // in the order of their makers
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
