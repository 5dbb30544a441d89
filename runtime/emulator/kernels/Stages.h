// SPDX-License-Identifier: Apache-2.0
//
// What happens to a kernel's values on their way to the output: bias, rounding, stages, store.
#pragma once

#include "runtime/emulator/kernels/Access.h"

#include <array>

namespace edgecc::emulator {

inline constexpr int64_t kStageBatch = 512; // values that go through all stages at a time

// What a function takes.
struct FunctionRule {
  unsigned minOperands = 0, maxOperands = 0, params = 0;
  bool onFloats = false, onIntegers = false; // of the value; operands have its class
  bool givesBool = false;                    // else the result has the value's class
};
// For functions whose operands have the class of the value. Others (changes of type, Where,
// quantisation, Lookup) have the flags of the value alone.
FunctionRule ruleOf(Function function);
bool changesClass(Function function); // Identity, Where, Quantize, Dequantize, Requantize, Lookup

// One function with its operands' places.
struct Step {
  Function function = Function::Identity;
  ElementType to = ElementType::F32;
  std::vector<size_t> operands; // of the walk
  bool swapped = false, onSide = false, takesSide = false;
  size_t sideInput = 0; // of the walk; 0: none
  std::array<double, 3> params{};
  std::vector<float> floatTable; // of Lookup
  std::vector<int64_t> integerTable;
};

// Values of one type.
struct StageValues {
  ElementType type = ElementType::F32;
  std::array<float, kStageBatch> floats;
  std::array<int64_t, kStageBatch> integers;
};

// x = f(x) or f(x, a), not yet rounded or wrapped to the step's type. StagesFloat.cpp,
// StagesInteger.cpp.
void applyToFloats(const Step &step, float *x, const float *a, int64_t count);
void applyToIntegers(const Step &step, int64_t *x, const int64_t *a, int64_t count);
// Comparisons: 0 or 1.
void compareFloats(Function function, const float *a, const float *b, int64_t *y, int64_t count);
void compareIntegers(Function function, const int64_t *a, const int64_t *b, int64_t *y,
                     int64_t count);

class StageRunner {
public:
  // Values come as `type`; `bias` (or null) is added in that type and the sum rounded to `sumType`
  // before the stages.
  StageRunner(ElementType type, std::span<const std::unique_ptr<StageT>> stages,
              std::span<const Operand> inputs, const Operand &output, const Operand *bias,
              ElementType sumType);
  StageRunner(ElementType type, std::span<const std::unique_ptr<StageT>> stages,
              std::span<const Operand> inputs, const Operand &output)
      : StageRunner(type, stages, inputs, output, nullptr, type) {}

  // Values of output elements first, first + 1, ... in row-major order.
  void put(int64_t first, int64_t count, const float *values) { run(first, count, values); }
  void put(int64_t first, int64_t count, const int64_t *values) { run(first, count, values); }

  // The same for values that are first rounded or wrapped to the type that they come as; overwrites
  // them.
  void putRounded(int64_t first, int64_t count, float *values);
  void putRounded(int64_t first, int64_t count, int64_t *values);

  // What the output holds there now.
  template <class To> void held(int64_t first, int64_t count, To *values) const;

private:
  template <class T> void run(int64_t first, int64_t count, const T *values);
  void apply(const Step &step, int64_t count);
  void convert(const Step &step, StageValues &x, int64_t count);
  void choose(const Step &step, StageValues &x, int64_t count);
  void quantize(const Step &step, StageValues &x, int64_t count);
  void dequantize(const Step &step, StageValues &x, int64_t count);
  void requantize(const Step &step, StageValues &x, int64_t count);
  void lookUp(const Step &step, StageValues &x, int64_t count);
  template <class To> const To *operand(size_t index, int64_t count, std::vector<To> &holder);
  size_t addOperand(const Operand &x);
  Step stepOf(const StageT &stage, std::span<const Operand> inputs);

  std::vector<Operand> operands_;             // the output first
  std::vector<std::vector<int64_t>> strides_; // until the walk is made
  Walk walk_;
  std::vector<Step> steps_;
  std::vector<int64_t> positions_; // of the batch that is being worked on
  std::unique_ptr<StageValues> x_, side_;
  std::vector<float> floats_, moreFloats_;
  std::vector<int64_t> integers_, moreIntegers_;
};

} // namespace edgecc::emulator
