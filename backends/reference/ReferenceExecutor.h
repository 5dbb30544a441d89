// Runs the IR on the host, one op after the other, in the plainest way: what it computes is what
// the ops mean. Layouts and storage are ignored; only logical values count.
#pragma once

#include "ir/Executor.h"

namespace edgecc {

// Narrow floats (f16, bf16) compute in f32 and are rounded once at the end of each op. Integers are
// exact. Sums of f32 products run over ascending positions of the window and channels in f32, those
// of f16 products over ascending channels and positions, in one accumulator (docs/numerics.md);
// reductions and normalisations accumulate in f64. Stateless: any number of threads may use one.
class ReferenceExecutor : public Executor {
public:
  Expected<std::vector<Tensor>> run(const Function &function, std::span<const Tensor> inputs,
                                    const Observer &observer = {}) override;
  Expected<std::vector<Tensor>> evaluate(const Op &op, std::span<const Tensor> operands) override;
};

} // namespace edgecc
