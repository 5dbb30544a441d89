// One op on given operands, by the reference backend.
#pragma once

#include "backends/reference/ReferenceExecutor.h"
#include "ir/Builder.h"
#include "runtime/numerics/Float16.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace edgecc::test {

inline Tensor f32(Dims dims, std::vector<float> values) {
  return Tensor::of<float>(DType::F32, std::move(dims), std::span<const float>(values));
}
inline Tensor i32(Dims dims, std::vector<int32_t> values) {
  return Tensor::of<int32_t>(DType::I32, std::move(dims), std::span<const int32_t>(values));
}
inline Tensor i64(Dims dims, std::vector<int64_t> values) {
  return Tensor::of<int64_t>(DType::I64, std::move(dims), std::span<const int64_t>(values));
}
inline Tensor i8(Dims dims, std::vector<int8_t> values) {
  return Tensor::of<int8_t>(DType::I8, std::move(dims), std::span<const int8_t>(values));
}
inline Tensor u8(Dims dims, std::vector<uint8_t> values) {
  return Tensor::of<uint8_t>(DType::U8, std::move(dims), std::span<const uint8_t>(values));
}
inline Tensor boolean(Dims dims, std::vector<uint8_t> values) {
  return Tensor::of<uint8_t>(DType::Bool, std::move(dims), std::span<const uint8_t>(values));
}
// Values of any type, through Tensor's own conversion.
inline Tensor tensorOf(DType dtype, Dims dims, const std::vector<double> &values) {
  Tensor tensor(dtype, std::move(dims));
  for (size_t i = 0; i < values.size(); ++i)
    tensor.setDouble(static_cast<int64_t>(i), values[i]);
  return tensor;
}

inline std::vector<double> valuesOf(const Tensor &tensor) {
  std::vector<double> values;
  for (int64_t i = 0; i < tensor.elements(); ++i)
    values.push_back(tensor.asDouble(i));
  return values;
}

// A default Tensor() stands for an operand that is left out.
inline Expected<std::vector<Tensor>> tryEvaluate(OpKind kind, const std::vector<Tensor> &operands,
                                                 Attributes attributes = {}) {
  Module module;
  Function &function = module.addFunction("main");
  Builder builder(module, function.body);
  std::vector<Value *> values;
  for (const Tensor &operand : operands)
    values.push_back(operand.raw() ? function.body.addArgument(operand.type()) : nullptr);
  EDGECC_TRY(op, builder.tryCreate(kind, values, std::move(attributes)));
  return ReferenceExecutor().evaluate(*op, operands);
}

inline std::vector<Tensor> evaluateAll(OpKind kind, const std::vector<Tensor> &operands,
                                       Attributes attributes = {}) {
  auto results = tryEvaluate(kind, operands, std::move(attributes));
  if (!results) {
    ADD_FAILURE() << str(results.error());
    return std::vector<Tensor>(4);
  }
  return *results;
}

inline Tensor evaluate(OpKind kind, const std::vector<Tensor> &operands,
                       Attributes attributes = {}) {
  return evaluateAll(kind, operands, std::move(attributes))[0];
}

inline std::string errorOf(OpKind kind, const std::vector<Tensor> &operands,
                           Attributes attributes = {}) {
  auto results = tryEvaluate(kind, operands, std::move(attributes));
  return results ? "" : str(results.error());
}

using Ints = std::vector<int64_t>;
using Reals = std::vector<double>;

} // namespace edgecc::test
