// How passes run graphs without knowing who runs them (folding, calibration, reconstruction,
// sensitivity). The driver provides the implementation.
#pragma once

#include "ir/Diagnostic.h"
#include "ir/Module.h"

#include <functional>

namespace edgecc {

class Executor {
public:
  virtual ~Executor() = default;

  // Called with every value that is computed, in order. The tensor lives during the call only
  // unless the observer copies it (copies share bytes).
  using Observer = std::function<void(const Value &, const Tensor &)>;

  // Runs a function on dense inputs of exactly its argument types (for a bounded axis any extent
  // up to the maximum) and returns its outputs.
  virtual Expected<std::vector<Tensor>>
  run(const Function &function, std::span<const Tensor> inputs, const Observer &observer = {}) = 0;

  // A function made ready to be run many times. Not for use by several threads at once.
  class Session {
  public:
    virtual ~Session() = default;
    // The values that prepare() was asked for, in that order. Their bytes may change with the next
    // run: copy what has to outlive it.
    virtual Expected<std::vector<Tensor>> run(std::span<const Tensor> inputs) = 0;
  };

  // Prepares `function` to yield `values`: of its body, not inside regions; arguments and constants
  // are allowed, and so is asking for one twice. The function must outlive the session unchanged.
  // Here: run() with an observer that keeps them.
  virtual Expected<std::unique_ptr<Session>> prepare(const Function &function,
                                                     std::span<const Value *const> values);

  // Runs one op without regions on the given operands (default Tensor() for an absent one). Fails
  // if the executor has no implementation of it.
  virtual Expected<std::vector<Tensor>> evaluate(const Op &op,
                                                 std::span<const Tensor> operands) = 0;
};

} // namespace edgecc
