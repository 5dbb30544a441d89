// Single ops compiled natively with strided operands and results, against the reference backend.
#pragma once

#include "backends/reference/ReferenceExecutor.h"
#include "ir/Builder.h"
#include "ir/Text.h"
#include "tests/unit/NativeRunner.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <random>

namespace edgecc::test {

// Levels of x86-64 that this machine runs; elsewhere the host's own.
inline std::vector<native::NativeTarget> testTargets() {
  std::vector<native::NativeTarget> targets;
#ifdef __x86_64__
  std::vector<std::string> levels{"baseline"};
  if (__builtin_cpu_supports("avx2"))
    levels.push_back("avx2");
  if (__builtin_cpu_supports("avx512bw"))
    levels.push_back("avx512");
#else
  std::vector<std::string> levels{"host"};
#endif
  for (const std::string &level : levels)
    targets.push_back(native::resolveTarget("native", level).value());
  return targets;
}

// Many ops as one function: each reads arguments of its own and yields its results.
class OpCases {
public:
  explicit OpCases(uint32_t seed) : function_(module_.addFunction("f")), random_(seed) {}

  int64_t uniform(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  double real(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random_);
  }
  Dims randomDims(size_t rank, int64_t most = 20) {
    Dims dims;
    for (size_t i = 0; i < rank; ++i)
      dims.push_back(uniform(1, most));
    return dims;
  }

  // Values in [low, high], rounded to whole numbers for integers; about one in nine of a float
  // operand is one of `specials`.
  Tensor random(DType dtype, const Dims &dims, double low = -4, double high = 4,
                const std::vector<double> &specials = {}) {
    Tensor tensor(dtype, dims);
    for (int64_t i = 0; i < tensor.elements(); ++i) {
      double value =
          isInteger(dtype) || dtype == DType::Bool
              ? static_cast<double>(uniform(static_cast<int64_t>(low), static_cast<int64_t>(high)))
              : real(low, high);
      if (!specials.empty() && uniform(0, 8) == 0)
        value =
            specials[static_cast<size_t>(uniform(0, static_cast<int64_t>(specials.size()) - 1))];
      tensor.setDouble(i, dtype == DType::Bool ? value > 0 : value);
    }
    return tensor;
  }

  // An argument that lies in memory in a random order of its axes, with gaps between rows now and
  // then.
  Value *argument(const Tensor &tensor, bool dense = false) {
    Value *value = function_.body.addArgument(tensor.type());
    auto index = static_cast<unsigned>(function_.inputs.size());
    function_.inputs.push_back({"x" + std::to_string(index), {}});
    auto [strides, elements] = place(tensor.type(), dense);
    value->storage = Storage{Storage::Space::Input, index, 0, strides};
    inputs_.push_back(std::make_unique<Buffer>(bytesOf(tensor.dtype(), elements)));
    copy(tensor, strides, inputs_.back()->data(), true);
    contents_[value] = tensor;
    return value;
  }
  Value *constant(Tensor tensor) {
    Builder builder(module_, function_.body);
    Value *value = builder.constant(tensor);
    contents_[value] = std::move(tensor);
    return value;
  }

  // Adds an op. A result may differ from the reference by `relative` times the larger of its own
  // magnitude and 1; 0: bit for bit.
  void add(OpKind kind, std::vector<Value *> operands, Attributes attributes, double relative,
           bool denseResults = false) {
    Builder builder(module_, function_.body);
    builder.location = "case " + std::to_string(cases_.size());
    Op *op = builder.createOp(kind, operands, std::move(attributes));
    addResults(*op, relative, denseResults);
  }

  // A Fused op: `fill` creates the ops of its region from the region's arguments and returns what
  // it yields.
  void
  fuse(std::vector<Value *> operands, double relative,
       const std::function<std::vector<Value *>(Builder &, const std::vector<Value *> &)> &fill) {
    Builder builder(module_, function_.body);
    builder.location = "case " + std::to_string(cases_.size());
    Op *op = builder.createOp(OpKind::Fused, operands, {}, [&](Op &fused) -> Expected<void> {
      std::vector<Value *> arguments;
      for (Value *operand : operands)
        arguments.push_back(fused.region(0).addArgument(operand->type));
      Builder inside(module_, fused.region(0));
      inside.yield(fill(inside, arguments));
      return {};
    });
    addResults(*op, relative, false);
  }

  // The cases as a function.
  const Function &finish() {
    std::vector<Value *> yields;
    for (Result &result : results_)
      yields.push_back(result.value);
    Builder(module_, function_.body).yield(yields);
    for (size_t i = 0; i < yields.size(); ++i)
      function_.outputs.push_back({"y" + std::to_string(i), {}});
    return function_;
  }

  void runAndCompare() {
    finish();
    std::vector<Tensor> contents;
    for (const auto &argument : function_.body.arguments())
      contents.push_back(contents_.at(argument.get()));
    auto expected = ReferenceExecutor().run(function_, contents);
    ASSERT_TRUE(expected) << str(expected.error());
    for (const auto &target : testTargets()) {
      SCOPED_TRACE(target.str());
      NativeRunner runner(function_, target);
      std::vector<const void *> in;
      std::vector<void *> out;
      for (const auto &input : inputs_)
        in.push_back(input->data());
      for (const Result &result : results_) {
        std::memset(result.buffer->data(), 0x5a, result.buffer->size());
        out.push_back(result.buffer->data());
      }
      ASSERT_EQ(runner.run(in, out), 0);
      for (size_t i = 0; i < results_.size(); ++i)
        compare(results_[i], (*expected)[i]);
    }
  }

private:
  void addResults(Op &created, double relative, bool denseResults) {
    Op *op = &created;
    for (unsigned r = 0; r < op->numResults(); ++r) {
      Value *value = op->result(r);
      auto [strides, elements] = place(value->type, denseResults);
      value->storage =
          Storage{Storage::Space::Output, static_cast<unsigned>(results_.size()), 0, strides};
      results_.push_back(
          {value, relative, std::make_unique<Buffer>(bytesOf(value->type.dtype, elements))});
    }
    cases_.push_back(op);
  }

  struct Result {
    Value *value;
    double relative;
    std::unique_ptr<Buffer> buffer;
  };

  static size_t bytesOf(DType dtype, int64_t elements) {
    return static_cast<size_t>(numBytes(dtype, {elements}));
  }

  // Strides and the number of elements from the first to the last.
  std::pair<Dims, int64_t> place(const Type &type, bool dense) {
    Dims strides = rowMajorStrides(type.dims);
    if (dense || isSubByte(type.dtype) || type.rank() < 2 || uniform(0, 3) == 0)
      return {strides, std::max<int64_t>(1, type.elements())};
    std::vector<size_t> order(type.rank());
    for (size_t i = 0; i < order.size(); ++i)
      order[i] = i;
    std::shuffle(order.begin(), order.end(), random_);
    int64_t stride = 1;
    for (size_t i = order.size(); i-- > 0;) {
      strides[order[i]] = stride;
      stride *= type.dims[order[i]] + (uniform(0, 5) == 0 ? uniform(1, 3) : 0);
    }
    return {strides, std::max<int64_t>(1, stride)};
  }

  static void copy(const Tensor &tensor, const Dims &strides, std::byte *strided, bool into) {
    if (isSubByte(tensor.dtype())) {
      if (into)
        std::memcpy(strided, tensor.raw(), tensor.bytes());
      return;
    }
    size_t bytes = bitWidth(tensor.dtype()) / 8;
    forEach(tensor.dims(), strides, [&](int64_t i, int64_t at) {
      std::memcpy(strided + static_cast<size_t>(at) * bytes,
                  tensor.raw() + static_cast<size_t>(i) * bytes, bytes);
    });
  }

  template <class Fn> static void forEach(const Dims &dims, const Dims &strides, Fn fn) {
    Dims row = rowMajorStrides(dims);
    for (int64_t i = 0; i < numElements(dims); ++i) {
      int64_t at = 0;
      for (size_t d = 0; d < dims.size(); ++d)
        at += i / row[d] % dims[d] * strides[d];
      fn(i, at);
    }
  }

  static Tensor gathered(const Result &result) {
    const Type &type = result.value->type;
    Tensor tensor(type.dtype, type.dims);
    if (isSubByte(type.dtype)) {
      std::memcpy(tensor.mutableRaw(), result.buffer->data(), tensor.bytes());
      return tensor;
    }
    size_t bytes = bitWidth(type.dtype) / 8;
    std::byte *to = tensor.mutableRaw();
    forEach(type.dims, result.value->storage->strides, [&](int64_t i, int64_t at) {
      std::memcpy(to + static_cast<size_t>(i) * bytes,
                  result.buffer->data() + static_cast<size_t>(at) * bytes, bytes);
    });
    return tensor;
  }

  void compare(const Result &result, const Tensor &want) const {
    Tensor got = gathered(result);
    int64_t wrong = 0, first = -1;
    for (int64_t i = 0; i < want.elements(); ++i) {
      bool same = isInteger(want.dtype()) ? got.asInt(i) == want.asInt(i)
                                          : close(got, want, i, result.relative);
      if (!same && wrong++ == 0)
        first = i;
    }
    if (wrong == 0)
      return;
    const Op &op = *result.value->definingOp();
    std::string operands;
    for (const Value *operand : op.operands())
      if (operand)
        operands += " " + operand->type.str() +
                    (operand->storage ? dimsText(operand->storage->strides) : " const");
    std::string attributes;
    for (const auto &[name, attribute] : op.attributes())
      attributes += " " + name + "=" + print(attribute);
    ADD_FAILURE() << op.name() << operands << attributes << " -> result " << result.value->index()
                  << " " << result.value->type.str() << dimsText(result.value->storage->strides)
                  << ": " << wrong << " elements differ; element " << first << " is "
                  << got.asDouble(first) << ", expected " << want.asDouble(first);
  }

  static bool close(const Tensor &got, const Tensor &want, int64_t i, double relative) {
    double a = got.asDouble(i), b = want.asDouble(i);
    if (std::isnan(a) || std::isnan(b))
      return std::isnan(a) == std::isnan(b);
    if (a == b)
      return true;
    return std::fabs(a - b) <= relative * std::max(1.0, std::fabs(b));
  }

  static std::string dimsText(const Dims &dims) {
    std::string text = " strides";
    for (int64_t stride : dims)
      text += " " + std::to_string(stride);
    return text;
  }

  Module module_;
  Function &function_;
  std::mt19937 random_;
  std::vector<std::unique_ptr<Buffer>> inputs_;
  std::map<const Value *, Tensor> contents_;
  std::vector<Result> results_;
  std::vector<Op *> cases_;
};

} // namespace edgecc::test
