// One op computed by the reference and by the kernels of device programs, bit for bit: on packed
// operands, on any strides, and row by row.
#pragma once

#include "backends/device/tasks/Tasks.h"
#include "backends/reference/ReferenceExecutor.h"
#include "ir/Builder.h"
#include "runtime/emulator/kernels/Kernels.h"

#include <gtest/gtest.h>
#include <random>
#include <set>

namespace edgecc::test {

using Ints = std::vector<int64_t>;
using Reals = std::vector<double>;

class Random {
public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  int64_t between(int64_t low, int64_t high) { // both included
    return std::uniform_int_distribution<int64_t>(low, high)(engine_);
  }
  bool chance(double p) { return std::uniform_real_distribution<double>(0, 1)(engine_) < p; }
  double normal() { return std::normal_distribution<double>()(engine_); }
  template <class T> T oneOf(std::initializer_list<T> values) {
    return values.begin()[between(0, static_cast<int64_t>(values.size()) - 1)];
  }

  // Integers over their whole range; floats around 0. `special`: also infinities, NaN, zeros of
  // both signs and subnormals.
  Tensor tensor(DType dtype, Dims dims, bool special = false);
  // Floats that are small integers, whose sums are exact in any order.
  Tensor integral(DType dtype, Dims dims);

private:
  std::mt19937 engine_;
};

// Values of a tensor in memory of its own, of which no byte is more than needed.
struct Held {
  std::vector<std::byte> bytes;
  emulator::Operand operand;
};
Held packedMemory(const Tensor &tensor, const Dims &dims);
// Axes in any order, with gaps, some of them backwards. 4-bit elements stay packed.
Held stridedMemory(Random &random, const Tensor &tensor, const Dims &dims);
// Rows first..first + count along an axis, as a stream of a dataflow program holds them.
Held rowMemory(const Tensor &tensor, const Dims &dims, int axis, int64_t first, int64_t count);

void expectSame(const Tensor &expected, const emulator::Operand &actual);

// A kernel with its stages and operands, and what it must give.
struct KernelCase {
  const emulator::KernelUnion *kernel = nullptr;
  std::span<const std::unique_ptr<emulator::StageT>> stages;
  std::vector<Tensor> inputs;
  std::vector<Dims> inputDims;
  std::vector<bool> isConstant;
  Tensor expected;
};
void check(Random &random, const KernelCase &test);

// `kind` on these operands; a default Tensor() is an operand that is left out. Those of `constants`
// are parameters.
void check(Random &random, OpKind kind, const std::vector<Tensor> &operands,
           const Attributes &attributes = {}, const std::set<unsigned> &constants = {});

} // namespace edgecc::test
