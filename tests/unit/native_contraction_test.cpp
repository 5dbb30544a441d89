// Convolutions and matrix products against naive loops, on every level of x86-64 that this machine
// runs. Operands are small integers, so that floating-point sums are exact in any order and every
// comparison is bit for bit.
#include "ir/Builder.h"
#include "tests/unit/NativeRunner.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <sstream>

namespace edgecc::test {
namespace {

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

  void runAndCompare(const NativeTarget &target) {
    NativeRunner runner(finish(), target);
    std::vector<const void *> in;
    std::vector<void *> out;
    for (const auto &input : inputs_)
      in.push_back(input->data());
    for (const Result &result : results_)
      out.push_back(result.buffer->data());
    ASSERT_EQ(runner.run(in, out), 0);
    for (const Result &result : results_)
      compare(result);
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

  static void compare(const Result &result) {
    const Type &type = result.value->type;
    Tensor tensor(type.dtype, {type.elements()});
    std::memcpy(tensor.mutableRaw(), result.buffer->data(), tensor.bytes());
    size_t wrong = 0, first = 0;
    double got = 0;
    forEach(type.dims, result.value->storage->strides, [&](size_t i, int64_t at) {
      if (tensor.asDouble(at) != result.expected[i] && wrong++ == 0) {
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

std::string str(const Dims &dims) {
  std::string out;
  for (int64_t d : dims)
    out += (out.empty() ? "" : "x") + std::to_string(d);
  return out;
}

// Advances a multi-dimensional index; false at the end.
bool next(Dims &index, const Dims &dims) {
  for (size_t i = dims.size(); i-- > 0;) {
    if (++index[i] < dims[i])
      return true;
    index[i] = 0;
  }
  return false;
}

int64_t flat(const Dims &index, const Dims &dims) {
  int64_t out = 0;
  for (size_t i = 0; i < dims.size(); ++i)
    out = out * dims[i] + index[i];
  return out;
}

struct ConvCase {
  Dims x, w; // logical
  Dims strides, dilations, pads;
  int64_t group = 1;
  Dims outputPadding; // ConvTranspose if not empty
  bool channelsLast = true, bias = true, constantWeights = true;
  DType dtype = DType::F32, weightType = DType::F32;
  int64_t xZero = 0, wZero = 0;
  bool variableZero = false; // the zero point of x is an input
};

std::vector<int> channelsLast(size_t rank) {
  std::vector<int> order{0};
  for (size_t i = 2; i < rank; ++i)
    order.push_back(static_cast<int>(i));
  order.push_back(1);
  return order;
}

std::vector<double> naiveConv(const ConvCase &c, const std::vector<double> &x,
                              const std::vector<double> &w, const std::vector<double> &bias,
                              const Dims &y) {
  bool transposed = !c.outputPadding.empty();
  std::vector<double> out(static_cast<size_t>(numElements(y)));
  size_t n = c.x.size() - 2;
  int64_t icPerGroup = c.x[1] / c.group, ocPerGroup = y[1] / c.group;
  Dims kernel(c.w.begin() + 2, c.w.end());
  if (numElements(y) == 0)
    return out;
  // Gathers for Conv, scatters for ConvTranspose: walks all positions of the smaller side.
  Dims base = transposed ? c.x : y;
  Dims at(base.size(), 0);
  Dims spatial = base;
  spatial[1] = c.group;
  do {
    for (int64_t oc = 0; oc < ocPerGroup; ++oc)
      for (int64_t ic = 0; ic < icPerGroup; ++ic) {
        Dims k(n, 0);
        do {
          Dims xi{at[0], at[1] * icPerGroup + ic}, yi{at[0], at[1] * ocPerGroup + oc};
          Dims wi =
              transposed ? Dims{at[1] * icPerGroup + ic, oc} : Dims{at[1] * ocPerGroup + oc, ic};
          bool inside = true;
          for (size_t d = 0; d < n; ++d) {
            int64_t other = at[d + 2] * c.strides[d] + k[d] * c.dilations[d] - c.pads[d];
            xi.push_back(transposed ? at[d + 2] : other);
            yi.push_back(transposed ? other : at[d + 2]);
            inside = inside && other >= 0 && other < (transposed ? y : c.x)[d + 2];
            wi.push_back(k[d]);
          }
          if (inside)
            out[static_cast<size_t>(flat(yi, y))] +=
                (x[static_cast<size_t>(flat(xi, c.x))] - static_cast<double>(c.xZero)) *
                (w[static_cast<size_t>(flat(wi, c.w))] - static_cast<double>(c.wZero));
        } while (next(k, kernel));
      }
  } while (next(at, spatial));
  if (!bias.empty()) {
    Dims i(y.size(), 0);
    do
      out[static_cast<size_t>(flat(i, y))] += bias[static_cast<size_t>(i[1])];
    while (next(i, y));
  }
  return out;
}

void addConv(Harness &h, const ConvCase &c) {
  bool transposed = !c.outputPadding.empty();
  auto order = c.channelsLast ? channelsLast(c.x.size()) : std::vector<int>{};
  auto x = h.argument(c.dtype, c.x, order);
  bool narrow = isInteger(c.dtype);
  DType weightType = narrow ? c.weightType : c.dtype;
  auto w = c.constantWeights ? h.constant(weightType, c.w) : h.argument(weightType, c.w);
  std::vector<Value *> operands{x.value, w.value};
  std::vector<double> bias;
  if (c.bias) {
    auto b = h.constant(narrow ? DType::I32 : c.dtype, {transposed ? c.w[1] * c.group : c.w[0]});
    operands.push_back(b.value);
    bias = b.logical;
  }
  if (narrow) {
    operands.resize(3, nullptr);
    auto zero = [&](DType type, int64_t value, bool variable) {
      std::vector<double> values{static_cast<double>(value)};
      return (variable ? h.argument(type, {}, values) : h.constant(type, {}, values)).value;
    };
    operands.push_back(zero(c.dtype, c.xZero, c.variableZero));
    operands.push_back(zero(weightType, c.wZero, false));
  }
  Attributes attributes{
      {"strides", c.strides}, {"dilations", c.dilations}, {"pads", c.pads}, {"group", c.group}};
  if (transposed)
    attributes["output_padding"] = c.outputPadding;
  Op *op = h.create(transposed ? OpKind::ConvTranspose : OpKind::Conv, operands, attributes);
  std::string what = (transposed ? "transposed " : "") + str(c.x) + " * " + str(c.w) + " s" +
                     str(c.strides) + " d" + str(c.dilations) + " p" + str(c.pads) + " g" +
                     std::to_string(c.group) + (c.channelsLast ? " nhwc" : " nchw") +
                     (c.constantWeights ? "" : " variable weights") + (c.bias ? " bias" : "") +
                     " " + std::string(name(c.dtype)) + " zero points " + std::to_string(c.xZero) +
                     ", " + std::to_string(c.wZero) + (c.variableZero ? " variable" : "");
  h.expect(op, naiveConv(c, x.logical, w.logical, bias, op->result()->dims()), order, what);
}

ConvCase randomConv(Harness &h, size_t spatial, bool transposed) {
  for (;;) {
    ConvCase c;
    c.group = h.uniform(0, 3) == 0 ? h.uniform(1, 5) : 1;
    int64_t most = spatial == 3 ? 12 : 40;
    int64_t ic = h.uniform(1, most / c.group), oc = h.uniform(1, most / c.group);
    c.x = {h.uniform(1, 2), ic * c.group};
    c.w = transposed ? Dims{ic * c.group, oc} : Dims{oc * c.group, ic};
    bool fits = true;
    for (size_t i = 0; i < spatial; ++i) {
      c.x.push_back(h.uniform(1, spatial == 1 ? 60 : spatial == 2 ? 20 : 7));
      c.w.push_back(h.uniform(1, spatial == 3 ? 3 : 5));
      c.strides.push_back(h.uniform(1, 3));
      c.dilations.push_back(h.uniform(0, 2) == 0 ? h.uniform(2, 3) : 1);
    }
    for (size_t i = 0; i < 2 * spatial; ++i)
      c.pads.push_back(h.uniform(0, 2));
    for (size_t i = 0; i < spatial; ++i) {
      int64_t reach = (c.w[i + 2] - 1) * c.dilations[i] + 1, pads = c.pads[i] + c.pads[spatial + i];
      if (transposed) {
        c.outputPadding.push_back(h.uniform(0, c.strides[i] - 1));
        fits = fits && (c.x[i + 2] - 1) * c.strides[i] + reach - pads + c.outputPadding[i] > 0;
      } else {
        fits = fits && c.x[i + 2] + pads >= reach;
      }
    }
    if (!fits)
      continue;
    c.channelsLast = h.uniform(0, 3) != 0;
    c.bias = h.uniform(0, 1);
    c.constantWeights = h.uniform(0, 4) != 0;
    return c;
  }
}

size_t transposedAxis(const ConvCase &c) { return c.outputPadding.empty() ? 1 : 0; }

void makeDepthwise(Harness &h, ConvCase &c) {
  int64_t channels = h.uniform(2, 70);
  c.group = c.x[1] = c.w[0] = channels;
  c.w[1] = 1;
}

void makeNarrow(Harness &h, ConvCase &c) {
  c.dtype = h.uniform(0, 1) ? DType::U8 : DType::I8;
  c.weightType = h.uniform(0, 2) ? DType::I8 : DType::U8;
  auto within = [&](DType type) {
    return type == DType::U8 ? h.uniform(0, 255) : h.uniform(-128, 127);
  };
  c.xZero = h.uniform(0, 2) ? within(c.dtype) : 0;
  c.wZero = h.uniform(0, 2) ? (c.weightType == DType::U8 ? 128 : 0) : within(c.weightType);
  c.variableZero = h.uniform(0, 4) == 0;
}

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

INSTANTIATE_TEST_SUITE_P(Levels, NativeContraction,
                         testing::Values("baseline", "avx2", "avx512", "avx512vnni"));

TEST_P(NativeContraction, ConvMatchesNaiveLoops) {
  Harness h(1);
  for (size_t spatial : {2, 2, 2, 1, 3})
    for (int i = 0; i < 16; ++i)
      addConv(h, randomConv(h, spatial, false));
  h.runAndCompare(target_);
}

TEST_P(NativeContraction, HalfConvRoundsOnce) {
  Harness h(3);
  for (DType dtype : {DType::F16, DType::BF16})
    for (int i = 0; i < 6; ++i) {
      ConvCase c = randomConv(h, 2, i == 5);
      c.dtype = dtype;
      c.x[1] = c.w[transposedAxis(c)] = std::min<int64_t>(c.x[1], 4); // sums that need no rounding
      c.group = 1;
      c.w[c.outputPadding.empty() ? 1 : 0] = c.x[1];
      addConv(h, c);
    }
  h.runAndCompare(target_);
}

// Kernels with few input channels, as of images, or few output channels.
TEST_P(NativeContraction, ConvOfFewChannelsMatchesNaiveLoops) {
  Harness h(13);
  for (int i = 0; i < 40; ++i) {
    ConvCase c = randomConv(h, i % 8 == 7 ? 1 : 2, i % 5 == 4);
    bool transposed = !c.outputPadding.empty(), fewInputs = i % 2;
    c.group = i % 4 == 2 ? 2 : 1;
    int64_t few = h.uniform(1, 5), many = h.uniform(3, 40);
    int64_t ic = fewInputs ? few : many, oc = fewInputs ? many : few;
    c.x[1] = ic * c.group;
    c.w[0] = transposed ? ic * c.group : oc * c.group;
    c.w[1] = transposed ? oc : ic;
    c.x.back() = h.uniform(16, 50);
    if (i % 3)
      c.strides.back() = 1;
    if (transposed)
      c.outputPadding.back() = 0;
    c.channelsLast = i % 3 != 0;
    c.constantWeights = true;
    if (i % 10 == 9) {
      c.dtype = DType::F16;
      c.bias = false;
      c.x[1] = c.w[transposed ? 0 : 1] = 2; // sums that need no rounding
      c.group = 1;
    }
    addConv(h, c);
  }
  h.runAndCompare(target_);
}

TEST_P(NativeContraction, DepthwiseConvMatchesNaiveLoops) {
  Harness h(4);
  for (int i = 0; i < 30; ++i) {
    ConvCase c = randomConv(h, i % 10 == 0 ? 1 : i % 10 == 1 ? 3 : 2, false);
    c.channelsLast = true;
    c.constantWeights = i % 7 != 0;
    makeDepthwise(h, c);
    addConv(h, c);
  }
  h.runAndCompare(target_);
}

TEST_P(NativeContraction, IntegerConvIsExact) {
  Harness h(5);
  for (int i = 0; i < 48; ++i) {
    ConvCase c = randomConv(h, i % 8 == 0 ? 1 : 2, false);
    makeNarrow(h, c);
    if (i % 4 == 3) {
      c.channelsLast = true;
      makeDepthwise(h, c);
    }
    addConv(h, c);
  }
  h.runAndCompare(target_);
}

// relu(conv(x, w) + residual) * scale per channel.
TEST_P(NativeContraction, FusedOpsFollowConv) {
  Harness h(10);
  for (int i = 0; i < 30; ++i) {
    ConvCase c = randomConv(h, 2, i % 5 == 4);
    c.bias = false;
    if (i % 5 == 3) {
      c.channelsLast = true;
      makeDepthwise(h, c);
    }
    auto order = c.channelsLast ? channelsLast(4) : std::vector<int>{};
    auto x = h.argument(c.dtype, c.x, order);
    auto w = h.constant(c.dtype, c.w);
    Dims y{c.x[0], c.outputPadding.empty() ? c.w[0] : c.w[1] * c.group};
    for (size_t d = 0; d < 2; ++d) {
      int64_t reach = (c.w[d + 2] - 1) * c.dilations[d] + 1, pads = c.pads[d] + c.pads[2 + d];
      y.push_back(c.outputPadding.empty()
                      ? (c.x[d + 2] + pads - reach) / c.strides[d] + 1
                      : (c.x[d + 2] - 1) * c.strides[d] + c.outputPadding[d] + reach - pads);
    }
    auto residual = h.argument(c.dtype, y, i % 2 ? order : std::vector<int>{});
    auto scale = h.constant(c.dtype, {y[1], 1, 1});
    Attributes attributes{
        {"strides", c.strides}, {"dilations", c.dilations}, {"pads", c.pads}, {"group", c.group}};
    if (!c.outputPadding.empty())
      attributes["output_padding"] = c.outputPadding;
    // A chain that is long enough for the epilogue's loop in every other case.
    int repeats = i % 2 ? 12 : 1;
    Op *op = h.fuse(c.outputPadding.empty() ? OpKind::Conv : OpKind::ConvTranspose,
                    {x.value, w.value}, attributes, {residual.value, scale.value},
                    [&](Builder &b, Value *sum, const std::vector<Value *> &others) {
                      for (int r = 0; r < repeats; ++r)
                        sum = b.create(OpKind::Add, {sum, others[0]});
                      sum = b.create(OpKind::Relu, {sum});
                      return b.create(OpKind::Mul, {sum, others[1]});
                    });
    auto expected = naiveConv(c, x.logical, w.logical, {}, y);
    Dims index(4, 0);
    do {
      auto at = static_cast<size_t>(flat(index, y));
      expected[at] = std::max(0.0, expected[at] + repeats * residual.logical[at]) *
                     scale.logical[static_cast<size_t>(index[1])];
    } while (next(index, y));
    h.expect(op, std::move(expected), order,
             "fused " + str(c.x) + " * " + str(c.w) + " g" + std::to_string(c.group));
  }
  h.runAndCompare(target_);
}

// clamp(round(sum * multiplier) + zero point), with a multiplier for each channel.
TEST_P(NativeContraction, RequantizeFollowsIntegerConv) {
  Harness h(11);
  for (int i = 0; i < 12; ++i) {
    ConvCase c = randomConv(h, 2, false);
    makeNarrow(h, c);
    c.bias = false;
    c.constantWeights = true;
    auto order = c.channelsLast ? channelsLast(4) : std::vector<int>{};
    auto x = h.argument(c.dtype, c.x, order);
    auto w = h.constant(c.weightType, c.w);
    auto xZero = h.constant(c.dtype, {}, {static_cast<double>(c.xZero)});
    auto wZero = h.constant(c.weightType, {}, {static_cast<double>(c.wZero)});
    std::vector<double> multipliers;
    for (int64_t m = 0; m < c.w[0]; ++m)
      multipliers.push_back(std::ldexp(1.0, static_cast<int>(h.uniform(-8, -4))));
    auto multiplier = h.constant(DType::F32, {c.w[0]}, multipliers);
    Op *op = h.fuse(
        OpKind::Conv, {x.value, w.value, nullptr, xZero.value, wZero.value},
        {{"strides", c.strides}, {"dilations", c.dilations}, {"pads", c.pads}, {"group", c.group}},
        {multiplier.value}, [&](Builder &b, Value *sum, const std::vector<Value *> &others) {
          return b.create(OpKind::Requantize, {sum, others[0]},
                          {{"zero_point", int64_t{3}},
                           {"low", int64_t{0}},
                           {"high", int64_t{255}},
                           {"to", DType::U8}});
        });
    const Dims &y = op->result()->dims();
    auto expected = naiveConv(c, x.logical, w.logical, {}, y);
    Dims index(4, 0);
    do {
      auto at = static_cast<size_t>(flat(index, y));
      double scaled = std::nearbyint(expected[at] * multipliers[static_cast<size_t>(index[1])]);
      expected[at] = std::clamp(scaled + 3, 0.0, 255.0);
    } while (next(index, y));
    h.expect(op, std::move(expected), order, "requantized " + str(c.x) + " * " + str(c.w));
  }
  h.runAndCompare(target_);
}

TEST_P(NativeContraction, ConvTransposeMatchesNaiveLoops) {
  Harness h(2);
  for (size_t spatial : {2, 2, 1, 3})
    for (int i = 0; i < 6; ++i)
      addConv(h, randomConv(h, spatial, true));
  h.runAndCompare(target_);
}

struct MatrixCase {
  Dims a, b; // logical, before transA and transB
  bool gemm = false, transA = false, transB = false;
  double alpha = 1, beta = 1;
  Dims c;                                  // of Gemm; empty: none
  std::vector<int> orderA, orderB, orderY; // memory order
  bool constantB = false;
  DType dtype = DType::F32, typeB = DType::F32;
  int64_t aZero = 0, bZero = 0;
};

void addProduct(Harness &h, const MatrixCase &m) {
  auto a = h.argument(m.dtype, m.a, m.orderA);
  auto b = m.constantB ? h.constant(m.typeB, m.b) : h.argument(m.typeB, m.b, m.orderB);
  std::vector<Value *> operands{a.value, b.value};
  Attributes attributes;
  Harness::Operand c{nullptr, {}};
  if (m.gemm) {
    attributes = {{"alpha", m.alpha}, {"beta", m.beta}, {"transA", m.transA}, {"transB", m.transB}};
    if (!m.c.empty()) {
      c = h.argument(m.dtype, m.c);
      operands.push_back(c.value);
    }
  } else if (isInteger(m.dtype) && bitWidth(m.dtype) == 8) {
    operands.push_back(h.constant(m.dtype, {}, {static_cast<double>(m.aZero)}).value);
    operands.push_back(h.constant(m.typeB, {}, {static_cast<double>(m.bZero)}).value);
  }
  Op *op = h.create(m.gemm ? OpKind::Gemm : OpKind::MatMul, operands, attributes);
  const Dims &y = op->result()->dims();
  size_t rank = y.size();
  int64_t depth = m.transA ? m.a[rank - 2] : m.a.back();
  std::vector<double> expected(static_cast<size_t>(numElements(y)));
  // Right-aligned broadcasting of the batch axes.
  auto element = [&](const std::vector<double> &values, const Dims &dims, const Dims &index,
                     int64_t row, int64_t column) {
    Dims at;
    for (size_t i = 0; i < dims.size(); ++i) {
      size_t axis = rank - dims.size() + i;
      at.push_back(i + 2 == dims.size()   ? row
                   : i + 1 == dims.size() ? column
                   : dims[i] == 1         ? 0
                                          : index[axis]);
    }
    return values[static_cast<size_t>(flat(at, dims))];
  };
  Dims index(rank, 0);
  if (!expected.empty())
    do {
      double sum = 0;
      int64_t row = index[rank - 2], column = index[rank - 1];
      for (int64_t k = 0; k < depth; ++k)
        sum += ((m.transA ? element(a.logical, m.a, index, k, row)
                          : element(a.logical, m.a, index, row, k)) -
                static_cast<double>(m.aZero)) *
               ((m.transB ? element(b.logical, m.b, index, column, k)
                          : element(b.logical, m.b, index, k, column)) -
                static_cast<double>(m.bZero));
      sum *= m.alpha;
      if (c.value) {
        Dims at;
        for (size_t i = 0; i < m.c.size(); ++i)
          at.push_back(m.c[i] == 1 ? 0 : index[rank - m.c.size() + i]);
        sum += m.beta * c.logical[static_cast<size_t>(flat(at, m.c))];
      }
      expected[static_cast<size_t>(flat(index, y))] = sum;
    } while (next(index, y));
  h.expect(op, std::move(expected), m.orderY,
           std::string(m.gemm ? "gemm " : "matmul ") + str(m.a) + " * " + str(m.b) +
               (m.transA ? " tA" : "") + (m.transB ? " tB" : "") +
               (m.constantB ? " constant" : "") + (m.orderB.empty() ? "" : " b column-major") +
               " " + std::string(name(m.dtype)));
}

std::vector<int> swapLast(size_t rank) {
  std::vector<int> order;
  for (size_t i = 0; i < rank; ++i)
    order.push_back(static_cast<int>(i));
  std::swap(order[rank - 1], order[rank - 2]);
  return order;
}

MatrixCase randomMatMul(Harness &h) {
  MatrixCase m;
  int64_t rows = h.uniform(0, 3) ? h.uniform(1, 40) : 1, columns = h.uniform(1, 70);
  int64_t depth = h.uniform(1, 40);
  size_t batch = static_cast<size_t>(h.uniform(0, 2));
  for (size_t i = 0; i < batch; ++i) {
    int64_t extent = h.uniform(1, 4);
    m.a.push_back(h.uniform(0, 3) ? extent : 1);
    if (h.uniform(0, 1) || i == 1)
      m.b.push_back(h.uniform(0, 2) ? extent : 1);
  }
  if (m.b.size() == 2 && h.uniform(0, 1))
    m.a.erase(m.a.begin());
  m.a.insert(m.a.end(), {rows, depth});
  m.b.insert(m.b.end(), {depth, columns});
  if (h.uniform(0, 2) == 0)
    m.orderA = swapLast(m.a.size());
  if (h.uniform(0, 2) == 0)
    m.orderB = swapLast(m.b.size());
  if (h.uniform(0, 3) == 0)
    m.orderY = swapLast(std::max(m.a.size(), m.b.size()));
  m.constantB = h.uniform(0, 1);
  return m;
}

TEST_P(NativeContraction, MatMulMatchesNaiveLoops) {
  Harness h(6);
  for (int i = 0; i < 60; ++i)
    addProduct(h, randomMatMul(h));
  h.runAndCompare(target_);
}

// An empty sum is zero, an empty result needs no code.
TEST_P(NativeContraction, EmptyProductsAreZero) {
  Harness h(14);
  for (bool constant : {false, true})
    for (Dims extents : {Dims{3, 0, 20}, Dims{3, 4, 0}, Dims{0, 4, 5}}) {
      MatrixCase m;
      m.a = {extents[0], extents[1]};
      m.b = {extents[1], extents[2]};
      m.constantB = constant;
      addProduct(h, m);
    }
  h.runAndCompare(target_);
}

TEST_P(NativeContraction, MatMulOfOtherTypesMatchesNaiveLoops) {
  Harness h(7);
  for (DType dtype : {DType::F64, DType::I32, DType::I64, DType::U32, DType::F16, DType::BF16})
    for (int i = 0; i < 5; ++i) {
      MatrixCase m = randomMatMul(h);
      m.dtype = m.typeB = dtype;
      if (dtype == DType::BF16 || dtype == DType::F16)
        m.a.back() = m.b[m.b.size() - 2] = 8; // sums that need no rounding
      addProduct(h, m);
    }
  h.runAndCompare(target_);
}

TEST_P(NativeContraction, IntegerMatMulIsExact) {
  Harness h(8);
  for (int i = 0; i < 40; ++i) {
    MatrixCase m = randomMatMul(h);
    ConvCase narrow;
    makeNarrow(h, narrow);
    m.dtype = narrow.dtype;
    m.typeB = narrow.weightType;
    m.aZero = narrow.xZero;
    m.bZero = narrow.wZero;
    addProduct(h, m);
  }
  h.runAndCompare(target_);
}

TEST_P(NativeContraction, GemmMatchesNaiveLoops) {
  Harness h(9);
  for (int i = 0; i < 40; ++i) {
    MatrixCase m;
    m.gemm = true;
    m.transA = h.uniform(0, 1);
    m.transB = h.uniform(0, 1);
    int64_t rows = h.uniform(1, 40), columns = h.uniform(1, 40), depth = h.uniform(1, 40);
    m.a = m.transA ? Dims{depth, rows} : Dims{rows, depth};
    m.b = m.transB ? Dims{columns, depth} : Dims{depth, columns};
    m.constantB = h.uniform(0, 1);
    m.alpha = h.uniform(0, 1) ? 1 : 0.5;
    m.beta = h.uniform(0, 1) ? 1 : 2;
    const Dims choices[] = {{}, {columns}, {1, columns}, {rows, 1}, {rows, columns}, {1}};
    m.c = choices[h.uniform(0, 5)];
    addProduct(h, m);
  }
  h.runAndCompare(target_);
}

// --- hot loops ---

// Basic blocks of an assembly text.
std::vector<std::string> blocksOf(const std::string &assembly) {
  std::vector<std::string> blocks(1);
  std::istringstream lines(assembly);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(".LBB"))
      blocks.emplace_back();
    blocks.back() += line + "\n";
    // A branch ends a block: jcc, b.cond, cbz, bne...
    for (const char *branch : {"\tj", "\tb", "\tcb"})
      if (line.starts_with(branch)) {
        blocks.emplace_back();
        break;
      }
  }
  return blocks;
}

size_t count(const std::string &text, const std::string &word) {
  size_t n = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
    ++n;
  return n;
}

struct HotLoop {
  const char *target, *cpu;
  DType dtype;
  const char *instruction;  // of the multiply-accumulate
  const char *stackAddress; // how a spill looks
};

class ContractionCode : public testing::TestWithParam<HotLoop> {};

INSTANTIATE_TEST_SUITE_P(
    Targets, ContractionCode,
    testing::Values(HotLoop{"x86-64", "avx2", DType::F32, "vfmadd", "%rsp)"},
                    HotLoop{"x86-64", "avx512", DType::F32, "vfmadd", "%rsp)"},
                    HotLoop{"x86-64", "avx512vnni", DType::U8, "vpdpbusd", "%rsp)"},
                    HotLoop{"aarch64", "neon", DType::F32, "fmla", "[sp"},
                    HotLoop{"aarch64", "dotprod", DType::I8, "sdot", "[sp"},
                    HotLoop{"riscv64", "rv64gcv", DType::F32, "vfma", "(sp)"}));

// No element type may need a library call, which the image could not make.
TEST(ContractionTargets, CodeLinksForEveryTargetAndElementType) {
  struct Level {
    const char *target, *cpu;
  };
  for (Level level :
       {Level{"x86-64", "baseline"}, Level{"aarch64", "neon"}, Level{"aarch64", "dotprod"},
        Level{"riscv64", "rv64gc"}, Level{"riscv64", "rv64gcv"}}) {
    auto target = native::resolveTarget(level.target, level.cpu);
    ASSERT_TRUE(target) << edgecc::str(target.error());
    Harness h(15);
    for (DType dtype : {DType::F32, DType::F16, DType::BF16, DType::F64, DType::U8, DType::I8})
      for (int i = 0; i < 6; ++i) {
        ConvCase c = randomConv(h, 2, i == 2 && isFloat(dtype));
        if (isInteger(dtype))
          makeNarrow(h, c);
        c.dtype = dtype;
        if (i % 3 == 1) {
          c.channelsLast = true;
          makeDepthwise(h, c);
        }
        addConv(h, c);
      }
    auto code = native::generateCode(h.finish(), *target, {});
    ASSERT_TRUE(code) << level.cpu << ": " << edgecc::str(code.error());
    auto image = native::linkImage(*code);
    EXPECT_TRUE(image) << level.cpu << ": " << edgecc::str(image.error());
  }
}

TEST_P(ContractionCode, HotLoopsHoldVectorMultipliesAndNoSpills) {
  const HotLoop &p = GetParam();
  auto target = native::resolveTarget(p.target, p.cpu);
  ASSERT_TRUE(target) << edgecc::str(target.error());
  // Columns that fill tiles and columns that leave a tail; 1x1 and 3x3.
  for (int64_t columns : {24, 64, 100})
    for (int64_t kernel : {1, 3}) {
      Harness h(12);
      Dims x{1, 64, 14, 14}, w{columns, 64, kernel, kernel};
      auto in = h.argument(p.dtype, x, channelsLast(4));
      auto weights = h.constant(isInteger(p.dtype) ? DType::I8 : p.dtype, w);
      Op *op = h.create(OpKind::Conv, {in.value, weights.value},
                        {{"strides", Dims{1, 1}},
                         {"dilations", Dims{1, 1}},
                         {"pads", Dims(4, kernel / 2)},
                         {"group", int64_t{1}}});
      h.expect(op, {}, channelsLast(4), "");
      auto assembly = native::emitAssembly(h.finish(), *target, {});
      ASSERT_TRUE(assembly) << edgecc::str(assembly.error());
      size_t hot = 0;
      for (const std::string &block : blocksOf(*assembly)) {
        if (count(block, p.instruction) < 8)
          continue;
        ++hot;
        EXPECT_EQ(count(block, p.stackAddress), 0u)
            << p.cpu << ", " << columns << " columns, kernel " << kernel << ":\n"
            << block;
      }
      EXPECT_GE(hot, 1u) << p.cpu << ", " << columns << " columns, kernel " << kernel;
    }
}

} // namespace
} // namespace edgecc::test
