// Builds functions of contractions with random operands and compares what native code makes of them
// with expected results. Operands are small integers, so that floating-point sums are exact in any
// order and every comparison is bit for bit, unless a tolerance is set.
#pragma once

#include "ir/Builder.h"
#include "tests/unit/NativeRunner.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <sstream>

namespace edgecc::test {

using native::NativeTarget;

// One op with random operands, its storage, and the expected result.
class Harness {
public:
  explicit Harness(uint32_t seed) : function_(module_.addFunction("f")), random_(seed) {}

  struct Operand {
    Value *value;
    std::vector<double> logical; // row-major
  };

  // A function argument with random content. `order`: logical axes from outermost to innermost in
  // memory (empty: row-major).
  Operand argument(DType dtype, const Dims &dims, std::vector<int> order = {}) {
    Value *value = function_.body.addArgument({dtype, dims, 0, {}});
    function_.inputs.push_back({"x" + std::to_string(function_.inputs.size()), {}});
    unsigned index = static_cast<unsigned>(inputs_.size());
    value->storage = Storage{Storage::Space::Input, index, 0, stridesFor(dims, order)};
    Operand out{value, randoms(dtype, dims)};
    inputs_.push_back(std::make_unique<Buffer>(static_cast<size_t>(numBytes(dtype, dims))));
    scatter(out.logical, dtype, dims, value->storage->strides, inputs_.back()->data());
    return out;
  }

  Operand argument(DType dtype, const Dims &dims, std::vector<double> values) {
    Operand out = argument(dtype, dims);
    out.logical = std::move(values);
    scatter(out.logical, dtype, dims, rowMajorStrides(dims), inputs_.back()->data());
    return out;
  }

  Operand constant(DType dtype, const Dims &dims) {
    Operand out{nullptr, randoms(dtype, dims)};
    return constant(dtype, dims, out.logical);
  }

  Operand constant(DType dtype, const Dims &dims, std::vector<double> values) {
    Tensor tensor(dtype, dims);
    for (int64_t i = 0; i < tensor.elements(); ++i)
      tensor.setDouble(i, values[static_cast<size_t>(i)]);
    Builder builder(module_, function_.body);
    return {builder.constant(std::move(tensor)), std::move(values)};
  }

  Op *create(OpKind kind, std::vector<Value *> operands, Attributes attributes) {
    Builder builder(module_, function_.body);
    builder.location = "case" + std::to_string(results_.size());
    return builder.createOp(kind, operands, std::move(attributes));
  }

  // A Fused op of `anchor` (an op of the function, which moves into the region) and the op that
  // `follow` creates from its result and the region's arguments for `others`.
  Op *fuse(OpKind kind, std::vector<Value *> operands, Attributes attributes,
           std::vector<Value *> others,
           const std::function<Value *(Builder &, Value *, const std::vector<Value *> &)> &follow) {
    std::vector<Value *> all;
    for (const std::vector<Value *> &list : {operands, others})
      for (Value *value : list)
        if (value)
          all.push_back(value);
    Builder builder(module_, function_.body);
    return builder.createOp(OpKind::Fused, all, {}, [&](Op &fused) -> Expected<void> {
      Block &body = fused.region(0);
      for (Value *value : all)
        body.addArgument(value->type);
      unsigned next = 0;
      std::vector<Value *> inner, rest;
      for (Value *value : operands)
        inner.push_back(value ? body.argument(next++) : nullptr);
      for (size_t i = 0; i < others.size(); ++i)
        rest.push_back(body.argument(next++));
      Builder inside(module_, body);
      Value *result = inside.createOp(kind, inner, std::move(attributes))->result();
      inside.yield(std::vector<Value *>{follow(inside, result, rest)});
      return {};
    });
  }

  // Makes the op's result an output of the function and notes what it should be.
  void expect(Op *op, std::vector<double> logical, std::vector<int> order, std::string what) {
    Value *value = op->result();
    unsigned index = static_cast<unsigned>(results_.size());
    value->storage = Storage{Storage::Space::Output, index, 0, stridesFor(value->dims(), order)};
    results_.push_back({value, std::move(logical), std::move(what),
                        std::make_unique<Buffer>(static_cast<size_t>(value->type.bytes()))});
  }

  // The function with everything that is expected as its outputs.
  const Function &finish() {
    std::vector<Value *> yields;
    for (Result &result : results_)
      yields.push_back(result.value);
    Builder(module_, function_.body).yield(yields);
    for (size_t i = 0; i < yields.size(); ++i)
      function_.outputs.push_back({"y" + std::to_string(i), {}});
    return function_;
  }

  native::CodegenOptions options{.algorithms = native::Algorithms::exact()};
  // Allowed difference over the largest magnitude of a result.
  double tolerance = 0;

  // All numbers of threads must give the same bits.
  void runAndCompare(const NativeTarget &target, uint32_t mostThreads = 1) {
    NativeRunner runner(finish(), target, options);
    std::vector<const void *> in;
    std::vector<void *> out;
    for (const auto &input : inputs_)
      in.push_back(input->data());
    for (const Result &result : results_)
      out.push_back(result.buffer->data());
    ASSERT_EQ(runner.run(in, out), 0);
    for (const Result &result : results_)
      compare(result, tolerance);
    std::vector<std::vector<std::byte>> first;
    for (const Result &result : results_)
      first.emplace_back(result.buffer->data(), result.buffer->data() + result.buffer->size());
    for (uint32_t threads = 2; threads <= mostThreads; ++threads) {
      ASSERT_EQ(runner.run(in, out, threads), 0);
      for (size_t i = 0; i < results_.size(); ++i)
        EXPECT_EQ(std::memcmp(first[i].data(), results_[i].buffer->data(), first[i].size()), 0)
            << results_[i].what << ": other bits with " << threads << " threads";
    }
  }

  std::mt19937 &random() { return random_; }
  int64_t uniform(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  size_t cases() const { return results_.size(); }

private:
  struct Result {
    Value *value;
    std::vector<double> expected;
    std::string what;
    std::unique_ptr<Buffer> buffer;
  };

  static Dims stridesFor(const Dims &dims, const std::vector<int> &order) {
    if (order.empty())
      return rowMajorStrides(dims);
    Dims strides(dims.size());
    int64_t stride = 1;
    for (size_t i = order.size(); i-- > 0;) {
      strides[static_cast<size_t>(order[i])] = stride;
      stride *= dims[static_cast<size_t>(order[i])];
    }
    return strides;
  }

  std::vector<double> randoms(DType dtype, const Dims &dims) {
    std::vector<double> out;
    bool byte = dtype == DType::I8 || dtype == DType::U8;
    for (int64_t i = 0; i < numElements(dims); ++i)
      out.push_back(static_cast<double>(
          byte ? uniform(dtype == DType::I8 ? -128 : 0, dtype == DType::I8 ? 127 : 255)
               : uniform(isUnsigned(dtype) ? 0 : -4, 4)));
    return out;
  }

  template <class Fn> static void forEach(const Dims &dims, const Dims &strides, Fn fn) {
    Dims row = rowMajorStrides(dims);
    for (int64_t i = 0; i < numElements(dims); ++i) {
      int64_t at = 0;
      for (size_t d = 0; d < dims.size(); ++d)
        at += i / row[d] % dims[d] * strides[d];
      fn(static_cast<size_t>(i), at);
    }
  }

  static void scatter(const std::vector<double> &logical, DType dtype, const Dims &dims,
                      const Dims &strides, std::byte *to) {
    Tensor tensor(dtype, {numElements(dims)});
    forEach(dims, strides, [&](size_t i, int64_t at) { tensor.setDouble(at, logical[i]); });
    std::memcpy(to, tensor.raw(), tensor.bytes());
  }

  static void compare(const Result &result, double tolerance) {
    const Type &type = result.value->type;
    Tensor tensor(type.dtype, {type.elements()});
    std::memcpy(tensor.mutableRaw(), result.buffer->data(), tensor.bytes());
    size_t wrong = 0, first = 0;
    double got = 0, size = 1;
    for (double expected : result.expected)
      size = std::max(size, std::abs(expected));
    forEach(type.dims, result.value->storage->strides, [&](size_t i, int64_t at) {
      bool same = tolerance == 0
                      ? tensor.asDouble(at) == result.expected[i]
                      : std::abs(tensor.asDouble(at) - result.expected[i]) <= tolerance * size;
      if (!same && wrong++ == 0) {
        first = i;
        got = tensor.asDouble(at);
      }
    });
    EXPECT_EQ(wrong, 0u) << result.what << " -> " << type.str() << ": element " << first << " is "
                         << got << ", expected " << result.expected[first];
  }

  Module module_;
  Function &function_;
  std::mt19937 random_;
  std::vector<std::unique_ptr<Buffer>> inputs_;
  std::vector<Result> results_;
};

inline std::string str(const Dims &dims) {
  std::string out;
  for (int64_t d : dims)
    out += (out.empty() ? "" : "x") + std::to_string(d);
  return out;
}

// Advances a multi-dimensional index; false at the end.
inline bool next(Dims &index, const Dims &dims) {
  for (size_t i = dims.size(); i-- > 0;) {
    if (++index[i] < dims[i])
      return true;
    index[i] = 0;
  }
  return false;
}

inline int64_t flat(const Dims &index, const Dims &dims) {
  int64_t out = 0;
  for (size_t i = 0; i < dims.size(); ++i)
    out = out * dims[i] + index[i];
  return out;
}

// Runs a test on every level of x86-64 that this machine has.
class NativeContraction : public testing::TestWithParam<const char *> {
protected:
  // Skips levels that this machine lacks.
  void SetUp() override {
    auto target = native::resolveTarget("x86-64", GetParam());
    ASSERT_TRUE(target) << edgecc::str(target.error());
    target_ = *target;
    auto host = native::resolveTarget("native", "host");
    ASSERT_TRUE(host);
    if (host->arch != native::Arch::X86_64)
      GTEST_SKIP() << "not an x86-64 machine";
    for (const std::string &feature : target_.features)
      if (!host->has(feature))
        GTEST_SKIP() << "this machine has no " << feature;
  }

  NativeTarget target_;
};

} // namespace edgecc::test
