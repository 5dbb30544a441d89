// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/kernels/Stages.h"

#include "runtime/emulator/kernels/Half.h"
#include "runtime/numerics/Float16.h"
#include "runtime/numerics/Functions.h"
#include "runtime/numerics/Quantize.h"

#include <algorithm>
#include <cassert>

namespace edgecc::emulator {

bool changesClass(Function function) {
  switch (function) {
  case Function::Identity:
  case Function::Where:
  case Function::Quantize:
  case Function::Dequantize:
  case Function::Requantize:
  case Function::Lookup:
    return true;
  default:
    return false;
  }
}

FunctionRule ruleOf(Function function) {
  switch (function) {
  case Function::Identity:
    return {.onFloats = true, .onIntegers = true};
  case Function::Abs:
  case Function::Neg:
  case Function::Sign:
  case Function::Relu:
    return {.onFloats = true, .onIntegers = true};
  case Function::Clip:
    return {.params = 2, .onFloats = true, .onIntegers = true};
  case Function::LeakyRelu:
  case Function::Elu:
  case Function::Celu:
  case Function::Swish:
  case Function::ThresholdedRelu:
    return {.params = 1, .onFloats = true};
  case Function::Selu:
  case Function::HardSigmoid:
    return {.params = 2, .onFloats = true};
  case Function::Not:
    return {.onIntegers = true, .givesBool = true};
  case Function::Add:
  case Function::Sub:
  case Function::Mul:
  case Function::Div:
  case Function::Pow:
  case Function::Max:
  case Function::Min:
  case Function::PRelu:
    return {.minOperands = 1, .maxOperands = 1, .onFloats = true, .onIntegers = true};
  case Function::Equal:
  case Function::Greater:
  case Function::GreaterOrEqual:
  case Function::Less:
  case Function::LessOrEqual:
    return {.minOperands = 1,
            .maxOperands = 1,
            .onFloats = true,
            .onIntegers = true,
            .givesBool = true};
  case Function::And:
  case Function::Or:
    return {.minOperands = 1, .maxOperands = 1, .onIntegers = true, .givesBool = true};
  case Function::Where:
    return {.minOperands = 2, .maxOperands = 2, .onIntegers = true};
  case Function::Quantize:
    return {.minOperands = 1, .maxOperands = 2, .onFloats = true, .onIntegers = true};
  case Function::Dequantize:
    return {.minOperands = 1, .maxOperands = 2, .onIntegers = true};
  case Function::Requantize:
    return {.minOperands = 1, .maxOperands = 1, .params = 2, .onIntegers = true};
  case Function::Lookup:
    return {.minOperands = 1, .maxOperands = 1, .onIntegers = true};
  default: // functions of one float without parameters
    return {.onFloats = true};
  }
}

StageRunner::StageRunner(ElementType type, std::span<const std::unique_ptr<StageT>> stages,
                         std::span<const Operand> inputs, const Operand &output,
                         const Operand *bias, ElementType sumType)
    : x_(std::make_unique<StageValues>()), side_(std::make_unique<StageValues>()),
      floats_(kStageBatch), moreFloats_(kStageBatch), integers_(kStageBatch),
      moreIntegers_(kStageBatch) {
  operands_ = {output};
  strides_ = {output.strides};
  x_->type = type;
  if (bias)
    steps_.push_back({.function = Function::Add, .to = type, .operands = {addOperand(*bias)}});
  if (sumType != type)
    steps_.push_back({.function = Function::Identity, .to = sumType});
  for (const auto &stage : stages)
    steps_.push_back(stepOf(*stage, inputs));
  walk_ = walkOf(output.dims, std::move(strides_));
  positions_.resize(operands_.size());
}

size_t StageRunner::addOperand(const Operand &x) {
  strides_.push_back(broadcastStrides(x, operands_[0].dims));
  operands_.push_back(x);
  return operands_.size() - 1;
}

Step StageRunner::stepOf(const StageT &stage, std::span<const Operand> inputs) {
  Step step{.function = stage.function,
            .to = stage.to,
            .operands = {},
            .swapped = stage.swapped,
            .onSide = stage.on_side,
            .takesSide = stage.takes_side};
  std::copy_n(stage.params.begin(), std::min(stage.params.size(), step.params.size()),
              step.params.begin());
  if (stage.side_input >= 0)
    step.sideInput = addOperand(inputs[static_cast<size_t>(stage.side_input)]);
  if (stage.function == Function::Lookup) {
    const Operand &table = inputs[stage.operands[0]];
    if (isFloat(table.type))
      step.floatTable = loadAll<float>(table);
    else
      step.integerTable = loadAll<int64_t>(table);
    return step;
  }
  for (uint32_t index : stage.operands)
    step.operands.push_back(addOperand(inputs[index]));
  return step;
}

namespace {

// A run whose elements all lie at one place is read once.
template <class To>
void loadOrFill(const Operand &x, int64_t position, int64_t stride, int64_t count, To *out) {
  if (stride != 0)
    return loadRun(x, position, stride, count, out);
  loadRun(x, position, 0, 1, out);
  std::fill_n(out + 1, count - 1, out[0]);
}

void load(const Operand &x, int64_t position, int64_t stride, int64_t count, StageValues &values) {
  values.type = x.type;
  if (isFloat(x.type))
    loadOrFill(x, position, stride, count, values.floats.data());
  else
    loadOrFill(x, position, stride, count, values.integers.data());
}

// To the step's type, after a function that computed in f32 or in 64 bits.
void roundTo(ElementType type, StageValues &x, int64_t count) {
  x.type = type;
  if (type == ElementType::F16)
    roundToHalves(x.floats.data(), count);
  else if (isInteger(type) && type != ElementType::I64)
    for (int64_t i = 0; i < count; ++i)
      x.integers[static_cast<size_t>(i)] = wrapped(x.integers[static_cast<size_t>(i)], type);
}

// ONNX's Cast: truncated and saturated, NaN gives 0; Bool: not 0.
int64_t integerOf(float value, ElementType type) {
  if (type == ElementType::Bool)
    return value != 0;
  auto [low, high] = boundsOf(type);
  return std::clamp(numerics::toInteger<int64_t>(value), low, high);
}

} // namespace

template <class To>
const To *StageRunner::operand(size_t index, int64_t count, std::vector<To> &holder) {
  loadOrFill(operands_[index], positions_[index], walk_.strides[index].back(), count,
             holder.data());
  return holder.data();
}

template <class To> void StageRunner::held(int64_t first, int64_t count, To *values) const {
  int64_t length = walk_.length();
  std::vector<int64_t> positions(operands_.size());
  while (count > 0) {
    int64_t at = first % length, n = std::min(count, length - at);
    walk_.positionsOf(first / length, positions.data());
    loadRun(operands_[0], positions[0] + at * walk_.strides[0].back(), walk_.strides[0].back(), n,
            values);
    first += n;
    count -= n;
    values += n;
  }
}

template void StageRunner::held(int64_t, int64_t, float *) const;
template void StageRunner::held(int64_t, int64_t, int32_t *) const;

template <class T> void StageRunner::run(int64_t first, int64_t count, const T *values) {
  int64_t length = walk_.length();
  ElementType type = x_->type;
  while (count > 0) {
    int64_t at = first % length, n = std::min({count, length - at, kStageBatch});
    walk_.positionsOf(first / length, positions_.data());
    for (size_t k = 0; k < positions_.size(); ++k)
      positions_[k] += at * walk_.strides[k].back();
    if constexpr (std::is_same_v<T, float>)
      std::copy_n(values, n, x_->floats.data());
    else
      std::copy_n(values, n, x_->integers.data());
    for (const Step &step : steps_)
      apply(step, n);
    if (isFloat(x_->type))
      storeRun(operands_[0], positions_[0], walk_.strides[0].back(), n, x_->floats.data());
    else
      storeRun(operands_[0], positions_[0], walk_.strides[0].back(), n, x_->integers.data());
    x_->type = type;
    first += n;
    count -= n;
    values += n;
  }
}

template void StageRunner::run(int64_t, int64_t, const float *);
template void StageRunner::run(int64_t, int64_t, const int64_t *);

void StageRunner::putRounded(int64_t first, int64_t count, float *values) {
  if (x_->type == ElementType::F16)
    roundToHalves(values, count);
  run(first, count, values);
}

void StageRunner::putRounded(int64_t first, int64_t count, int64_t *values) {
  for (int64_t i = 0; i < count; ++i)
    values[i] = wrapped(values[i], x_->type);
  run(first, count, values);
}

void StageRunner::apply(const Step &step, int64_t count) {
  if (step.sideInput)
    load(operands_[step.sideInput], positions_[step.sideInput],
         walk_.strides[step.sideInput].back(), count, *side_);
  StageValues &x = step.onSide ? *side_ : *x_;
  switch (step.function) {
  case Function::Identity:
    return convert(step, x, count);
  case Function::Where:
    return choose(step, x, count);
  case Function::Quantize:
    return quantize(step, x, count);
  case Function::Dequantize:
    return dequantize(step, x, count);
  case Function::Requantize:
    return requantize(step, x, count);
  case Function::Lookup:
    return lookUp(step, x, count);
  default:
    break;
  }
  FunctionRule rule = ruleOf(step.function);
  bool isBinary = rule.maxOperands == 1, compares = isBinary && rule.givesBool;
  if (isFloat(x.type)) {
    const float *a = nullptr;
    if (isBinary && step.takesSide)
      a = side_->floats.data();
    else if (isBinary)
      a = operand(step.operands[0], count, floats_);
    if (compares)
      compareFloats(step.function, step.swapped ? a : x.floats.data(),
                    step.swapped ? x.floats.data() : a, x.integers.data(), count);
    else
      applyToFloats(step, x.floats.data(), a, count);
  } else {
    const int64_t *a = nullptr;
    if (isBinary && step.takesSide)
      a = side_->integers.data();
    else if (isBinary)
      a = operand(step.operands[0], count, integers_);
    if (compares)
      compareIntegers(step.function, step.swapped ? a : x.integers.data(),
                      step.swapped ? x.integers.data() : a, x.integers.data(), count);
    else
      applyToIntegers(step, x.integers.data(), a, count);
  }
  roundTo(step.to, x, count);
}

void StageRunner::convert(const Step &step, StageValues &x, int64_t count) {
  auto n = static_cast<size_t>(count);
  if (isFloat(x.type) && isInteger(step.to)) {
    for (size_t i = 0; i < n; ++i)
      x.integers[i] = integerOf(x.floats[i], step.to);
    x.type = step.to;
    return;
  }
  if (isInteger(x.type) && isFloat(step.to)) {
    // Rounded once, also to f16.
    for (size_t i = 0; i < n; ++i)
      x.floats[i] =
          step.to == ElementType::F32
              ? static_cast<float>(x.integers[i])
              : numerics::f16ToF32(numerics::f64ToF16(numerics::exactEnough(x.integers[i])));
    x.type = step.to;
    return;
  }
  roundTo(step.to, x, count);
}

void StageRunner::choose(const Step &step, StageValues &x, int64_t count) {
  auto pick = [&](auto *out, const auto *a, const auto *b) {
    for (int64_t i = 0; i < count; ++i)
      out[i] = x.integers[static_cast<size_t>(i)] != 0 ? a[i] : b[i];
  };
  // With a side value, that is the first of the two.
  size_t second = step.operands.size() - 1;
  if (isFloat(step.to))
    pick(x.floats.data(),
         step.takesSide ? side_->floats.data() : operand(step.operands[0], count, floats_),
         operand(step.operands[second], count, moreFloats_));
  else
    pick(x.integers.data(),
         step.takesSide ? side_->integers.data() : operand(step.operands[0], count, integers_),
         operand(step.operands[second], count, moreIntegers_));
  roundTo(step.to, x, count);
}

namespace {

// Zero points of 16-bit types and less lie far inside; what lies outside comes from hostile
// programs alone.
int32_t zeroPointOf(int64_t value) {
  return static_cast<int32_t>(std::clamp<int64_t>(value, -0x10000, 0x10000));
}

} // namespace

void StageRunner::quantize(const Step &step, StageValues &x, int64_t count) {
  auto n = static_cast<size_t>(count);
  if (isInteger(x.type))
    for (size_t i = 0; i < n; ++i)
      x.floats[i] = static_cast<float>(x.integers[i]);
  const float *scale = operand(step.operands[0], count, floats_);
  const int64_t *zero =
      step.operands.size() > 1 ? operand(step.operands[1], count, integers_) : nullptr;
  auto [low, high] = boundsOf(step.to);
  numerics::IntegerRange range{static_cast<int32_t>(low), static_cast<int32_t>(high)};
  for (size_t i = 0; i < n; ++i)
    x.integers[i] =
        numerics::quantizeLinear(x.floats[i], scale[i], zero ? zeroPointOf(zero[i]) : 0, range);
  x.type = step.to;
}

void StageRunner::dequantize(const Step &step, StageValues &x, int64_t count) {
  const float *scale = operand(step.operands[0], count, floats_);
  const int64_t *zero =
      step.operands.size() > 1 ? operand(step.operands[1], count, integers_) : nullptr;
  for (size_t i = 0, n = static_cast<size_t>(count); i < n; ++i)
    x.floats[i] = numerics::dequantizeLinear(static_cast<int32_t>(x.integers[i]), scale[i],
                                             zero ? static_cast<int32_t>(zero[i]) : 0);
  roundTo(step.to, x, count);
}

void StageRunner::requantize(const Step &step, StageValues &x, int64_t count) {
  const float *multiplier = operand(step.operands[0], count, floats_);
  auto low = static_cast<int32_t>(step.params[0]), high = static_cast<int32_t>(step.params[1]),
       zero = static_cast<int32_t>(step.params[2]);
  for (size_t i = 0, n = static_cast<size_t>(count); i < n; ++i)
    x.integers[i] = numerics::requantize(x.integers[i], multiplier[i], zero, low, high);
  roundTo(step.to, x, count);
}

void StageRunner::lookUp(const Step &step, StageValues &x, int64_t count) {
  int64_t bias = x.type == ElementType::I8 ? 128 : 0;
  for (size_t i = 0, n = static_cast<size_t>(count); i < n; ++i) {
    auto entry = static_cast<size_t>((x.integers[i] + bias) & 0xff);
    if (step.floatTable.empty())
      x.integers[i] = step.integerTable[entry];
    else
      x.floats[i] = step.floatTable[entry];
  }
  roundTo(step.to, x, count);
}

} // namespace edgecc::emulator
