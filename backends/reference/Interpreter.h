// Runs blocks: environment, lifetimes, regions.
#pragma once

#include "ir/Executor.h"

#include <unordered_map>

namespace edgecc::reference {

class Interpreter {
public:
  Interpreter(Executor &executor, const Executor::Observer &observer)
      : executor_(executor), observer_(observer) {}

  // The values that `block` yields.
  Expected<std::vector<Tensor>> run(const Block &block, std::vector<Tensor> arguments);

private:
  using Tensors = std::vector<Tensor>;
  // For each op of a block, the values defined in the block that no later op reads.
  using LastUses = std::unordered_map<const Op *, std::vector<const Value *>>;

  Expected<Tensors> execute(const Op &op);
  Expected<Tensors> runIf(const Op &op);
  Expected<Tensors> runLoop(const Op &op);
  Expected<Tensors> runScan(const Op &op);
  Tensors operandsOf(const Op &op) const;
  const LastUses &lastUsesOf(const Block &block);

  Executor &executor_;
  const Executor::Observer &observer_;
  std::unordered_map<const Value *, Tensor> values_;
  std::unordered_map<const Block *, LastUses> lastUses_;
};

} // namespace edgecc::reference
