#include "tests/unit/emulator/KernelCheck.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

namespace edgecc::test {

using emulator::Operand;

namespace {

constexpr std::byte kUntouched{0xa5};

// Calls fn(row-major index, multi-index) for every element.
template <class Fn> void forEachIndex(const Dims &dims, Fn &&fn) {
  Dims index(dims.size(), 0);
  for (int64_t i = 0, n = numElements(dims); i < n; ++i) {
    fn(i, index);
    for (size_t d = dims.size(); d-- > 0 && ++index[d] == dims[d];)
      index[d] = 0;
  }
}

std::byte *elementAt(const Operand &x, const Dims &index) {
  std::byte *at = x.data;
  for (size_t d = 0; d < index.size(); ++d)
    at += index[d] * x.strides[d];
  return at;
}

void fill(const Operand &x, const Tensor &tensor) {
  size_t size = bitWidth(tensor.dtype()) / 8;
  forEachIndex(x.dims, [&](int64_t i, const Dims &index) {
    std::memcpy(elementAt(x, index), tensor.raw() + static_cast<size_t>(i) * size, size);
  });
}

Dims packedStrides(const Dims &dims, int64_t unit) {
  Dims strides(dims.size());
  for (size_t d = dims.size(); d-- > 0; unit *= dims[d])
    strides[d] = unit;
  return strides;
}

} // namespace

Tensor Random::tensor(DType dtype, Dims dims, bool special) {
  Tensor x(dtype, std::move(dims));
  for (int64_t i = 0; i < x.elements(); ++i) {
    if (dtype == DType::Bool) {
      x.setDouble(i, static_cast<double>(between(0, 1)));
    } else if (isInteger(dtype)) {
      int bits = static_cast<int>(std::min(bitWidth(dtype), 48u));
      double low = isSigned(dtype) ? -std::ldexp(1, bits - 1) : 0;
      x.setDouble(i, low + static_cast<double>(between(0, (int64_t{1} << bits) - 1)));
    } else if (special && chance(0.1)) {
      double infinity = std::numeric_limits<double>::infinity();
      x.setDouble(i, oneOf({infinity, -infinity, std::nan(""), 0.0, -0.0, 1e-7, -6e-8, 65504.0}));
    } else {
      x.setDouble(i, normal() * oneOf({0.1, 1.0, 1.0, 5.0}));
    }
  }
  return x;
}

Tensor Random::integral(DType dtype, Dims dims) {
  Tensor x(dtype, std::move(dims));
  for (int64_t i = 0; i < x.elements(); ++i)
    x.setDouble(i, static_cast<double>(between(-15, 15)));
  return x;
}

Held packedMemory(const Tensor &tensor, const Dims &dims) {
  Held memory;
  memory.bytes.assign(tensor.raw(), tensor.raw() + tensor.bytes());
  int64_t unit = isSubByte(tensor.dtype()) ? 1 : bitWidth(tensor.dtype()) / 8;
  memory.operand = {memory.bytes.data(), device::elementTypeOf(tensor.dtype()), dims,
                    packedStrides(dims, unit), 0};
  return memory;
}

Held stridedMemory(Random &random, const Tensor &tensor, const Dims &dims) {
  if (isSubByte(tensor.dtype()))
    return packedMemory(tensor, dims);
  Held memory;
  Operand &x = memory.operand;
  x.type = device::elementTypeOf(tensor.dtype());
  x.dims = dims;
  x.strides.resize(dims.size());
  std::vector<size_t> order(dims.size());
  std::iota(order.begin(), order.end(), 0u);
  for (size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1],
              order[static_cast<size_t>(random.between(0, static_cast<int64_t>(i) - 1))]);
  auto unit = static_cast<int64_t>(bitWidth(tensor.dtype()) / 8);
  int64_t stride = unit, low = 0, high = 0;
  for (size_t axis : order) {
    x.strides[axis] = random.chance(0.2) ? -stride : stride;
    (x.strides[axis] < 0 ? low : high) += (dims[axis] - 1) * x.strides[axis];
    stride = stride * dims[axis] + random.oneOf<int64_t>({0, 0, unit, 1});
  }
  memory.bytes.assign(static_cast<size_t>(high - low + unit), kUntouched);
  x.data = memory.bytes.data() - low;
  fill(x, tensor);
  return memory;
}

Held rowMemory(const Tensor &tensor, const Dims &dims, int axis, int64_t first, int64_t count) {
  Held whole = packedMemory(tensor, dims), memory;
  if (axis < 0)
    return whole;
  auto a = static_cast<size_t>(axis);
  Operand &x = memory.operand;
  x = whole.operand;
  auto unit = static_cast<int64_t>(bitWidth(tensor.dtype()) / 8);
  Dims others = dims;
  others[a] = 1;
  x.strides = packedStrides(others, unit);
  x.strides[a] = numElements(others) * unit + 3; // slots are larger than rows
  x.dims[a] = count;
  memory.bytes.assign(
      static_cast<size_t>(count > 0 ? (count - 1) * x.strides[a] + numElements(others) * unit : 0),
      kUntouched);
  x.data = memory.bytes.data();
  whole.operand.data += first * whole.operand.strides[a];
  forEachIndex(x.dims, [&](int64_t, const Dims &index) {
    std::memcpy(elementAt(x, index), elementAt(whole.operand, index), static_cast<size_t>(unit));
  });
  return memory;
}

void expectSame(const Tensor &expected, const Operand &actual) {
  ASSERT_EQ(device::elementTypeOf(expected.dtype()), actual.type);
  size_t size = bitWidth(expected.dtype()) / 8;
  bool failed = false;
  forEachIndex(actual.dims, [&](int64_t i, const Dims &index) {
    if (failed || std::memcmp(elementAt(actual, index),
                              expected.raw() + static_cast<size_t>(i) * size, size) == 0)
      return;
    Tensor element(expected.dtype(), {1});
    std::memcpy(element.mutableRaw(), elementAt(actual, index), size);
    double is = element.asDouble(0), should = expected.asDouble(i);
    if (std::isnan(is) && std::isnan(should))
      return;
    failed = true;
    ADD_FAILURE() << "element " << i << " is " << is << ", not " << should;
  });
}

namespace {

void checkStrided(Random &random, const KernelCase &test, bool isPacked) {
  std::vector<Held> memories;
  std::vector<Operand> inputs;
  for (size_t i = 0; i < test.inputs.size(); ++i) {
    memories.push_back(isPacked ? packedMemory(test.inputs[i], test.inputDims[i])
                                : stridedMemory(random, test.inputs[i], test.inputDims[i]));
    inputs.push_back(memories.back().operand);
  }
  Tensor empty(test.expected.dtype(), test.expected.dims());
  Held output =
      isPacked ? packedMemory(empty, empty.dims()) : stridedMemory(random, empty, empty.dims());
  auto checked = emulator::checkOperands(*test.kernel, test.stages, inputs, output.operand);
  ASSERT_TRUE(checked) << checked.error().message;
  emulator::compute(*test.kernel, test.stages, inputs, output.operand);
  expectSame(test.expected, output.operand);
}

// The part of a tensor at one row.
Tensor rowOf(const Tensor &x, size_t axis, int64_t row) {
  Dims dims = x.dims();
  dims[axis] = 1;
  Tensor y(x.dtype(), dims);
  Dims strides = packedStrides(x.dims(), static_cast<int64_t>(bitWidth(x.dtype()) / 8));
  size_t size = bitWidth(x.dtype()) / 8;
  std::byte *out = y.mutableRaw();
  forEachIndex(dims, [&](int64_t i, Dims index) {
    index[axis] = row;
    int64_t at = 0;
    for (size_t d = 0; d < index.size(); ++d)
      at += index[d] * strides[d];
    std::memcpy(out + static_cast<size_t>(i) * size, x.raw() + at, size);
  });
  return y;
}

void checkRows(Random &random, const KernelCase &test) {
  const Dims &dims = test.expected.dims();
  auto rank = static_cast<int>(dims.size());
  auto outputAxis = static_cast<int>(random.between(-1, rank - 1));
  std::vector<int> axes;
  for (size_t i = 0; i < test.inputs.size(); ++i) {
    auto own = static_cast<int>(test.inputDims[i].size());
    int aligned = outputAxis < 0 ? -1 : outputAxis - rank + own;
    int axis = aligned >= 0 && random.chance(0.8) ? aligned
                                                  : static_cast<int>(random.between(-1, own - 1));
    axes.push_back(test.isConstant[i] ? -1 : axis);
  }
  int64_t rows = outputAxis < 0 ? 1 : dims[static_cast<size_t>(outputAxis)];
  for (int64_t row = 0; row < rows; ++row) {
    std::vector<Held> memories;
    std::vector<Operand> inputs;
    std::vector<emulator::RowRange> ranges;
    for (size_t i = 0; i < test.inputs.size(); ++i) {
      const Dims &own = test.inputDims[i];
      ranges.push_back(
          emulator::rowsNeeded(*test.kernel, test.stages, i, own, axes[i], dims, outputAxis, row));
      int64_t available = axes[i] < 0 ? 1 : own[static_cast<size_t>(axes[i])];
      int64_t first = std::clamp<int64_t>(ranges[i].first, 0, available);
      int64_t end = std::clamp<int64_t>(ranges[i].last + 1, first, available);
      memories.push_back(rowMemory(test.inputs[i], own, axes[i], first, end - first));
      inputs.push_back(memories.back().operand);
    }
    Tensor expected =
        outputAxis < 0 ? test.expected : rowOf(test.expected, static_cast<size_t>(outputAxis), row);
    Held output =
        rowMemory(Tensor(expected.dtype(), expected.dims()), expected.dims(), outputAxis, 0, 1);
    emulator::computeRow(*test.kernel, test.stages, inputs, ranges, test.inputDims, axes,
                         output.operand, dims, outputAxis, row);
    SCOPED_TRACE("row " + std::to_string(row) + " of axis " + std::to_string(outputAxis));
    expectSame(expected, output.operand);
    if (testing::Test::HasFailure())
      return;
  }
}

} // namespace

void check(Random &random, const KernelCase &test) {
  {
    SCOPED_TRACE("packed");
    checkStrided(random, test, true);
  }
  if (!test.kernel->AsMove()) {
    SCOPED_TRACE("strided");
    checkStrided(random, test, false);
  }
  SCOPED_TRACE("by rows");
  checkRows(random, test);
}

void check(Random &random, OpKind kind, const std::vector<Tensor> &operands,
           const Attributes &attributes, const std::set<unsigned> &constants) {
  Module module;
  Function &function = module.addFunction("main");
  Builder builder(module, function.body);
  std::vector<Value *> values;
  std::string shapes;
  for (unsigned i = 0; i < operands.size(); ++i) {
    const Tensor &operand = operands[i];
    values.push_back(!operand.raw()          ? nullptr
                     : constants.contains(i) ? builder.constant(operand)
                                             : function.body.addArgument(operand.type()));
    shapes += (operand.raw() ? operand.type().str() : "-") + " ";
  }
  auto op = builder.tryCreate(kind, values, attributes);
  ASSERT_TRUE(op) << str(op.error());
  SCOPED_TRACE(std::string((*op)->name()) + " " + shapes);
  auto expected = ReferenceExecutor().evaluate(**op, operands);
  ASSERT_TRUE(expected) << str(expected.error());
  auto task = device::taskOf(**op);
  ASSERT_TRUE(task) << str(task.error());
  KernelCase test{&task->kernel, task->stages, {}, task->inputDims, {}, (*expected)[0]};
  for (const Value *input : task->inputs) {
    auto at = std::ranges::find(values, input) - values.begin();
    test.inputs.push_back(operands[static_cast<size_t>(at)]);
    test.isConstant.push_back(constants.contains(static_cast<unsigned>(at)));
  }
  check(random, test);
}

} // namespace edgecc::test
