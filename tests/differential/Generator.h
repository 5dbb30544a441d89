// Random graphs whose every intermediate value is computed on the reference backend while the graph
// grows, so that only well-conditioned ops are kept.
#pragma once

#include "tests/differential/ErrorModel.h"

#include "ir/Builder.h"

#include <random>

namespace edgecc::test {

// A module with one function and what to feed it.
struct Graph {
  std::unique_ptr<Module> module;
  std::vector<Tensor> inputs;
};

// The same graph for the same seed. Fails if the reference backend cannot run an op.
Expected<Graph> generate(uint64_t seed);

class Generator {
public:
  explicit Generator(uint64_t seed);
  Expected<Graph> run();

  // --- for the makers of ops ---
  int64_t between(int64_t low, int64_t high);
  bool chance(double probability);
  template <class T> const T &pick(const std::vector<T> &choices) {
    return choices[static_cast<size_t>(between(0, static_cast<int64_t>(choices.size()) - 1))];
  }
  // Uniform in [low, high], as `dtype`.
  Tensor random(DType dtype, const Dims &dims, double low = -1, double high = 1);
  Value *constant(Tensor tensor);
  Value *input(Tensor tensor);
  // A value of the graph; `pool` is what has been computed so far.
  Value *pickValue();
  Value *pickLike(const Value *value, bool sameShape); // null if there is none
  const Known &known(const Value *value) const { return knowledge_.at(value); }
  // Creates and computes an op. Null if it is not valid or not well-conditioned; it is then gone.
  Op *emit(OpKind kind, std::vector<Value *> operands, Attributes attributes = {});
  // The same for a chain: undoes the ops before it if a later one fails.
  Value *emitOne(OpKind kind, std::vector<Value *> operands, Attributes attributes = {});

  DType floatType = DType::F32; // of this graph

private:
  void start();
  void finish();
  bool isWellConditioned(const Op &op) const;

  std::mt19937_64 random_;
  Graph graph_;
  Function *function_;
  Builder builder_;
  Knowledge knowledge_;
  std::vector<Value *> pool_;
  Diagnostics failure_; // of the reference backend
  int kind_ = 0;
};

// Each adds one op, or a short pattern, that reads `x`; false if nothing fits.
bool addUnary(Generator &g, Value *x);
bool addBinary(Generator &g, Value *x);
bool addMovement(Generator &g, Value *x);
bool addReduction(Generator &g, Value *x);
bool addConvolution(Generator &g, Value *x);
bool addPooling(Generator &g, Value *x);
bool addProduct(Generator &g, Value *x);
bool addNormalization(Generator &g, Value *x);
bool addQuantized(Generator &g, Value *x);
bool addInteger(Generator &g, Value *x);

} // namespace edgecc::test
