// Data movement of device programs against the reference, whole and by rows.
#include "tests/unit/emulator/KernelCheck.h"

#include <algorithm>
#include <numeric>

using namespace edgecc;
using namespace edgecc::test;

namespace {

constexpr int kRounds = 300;
constexpr std::initializer_list<DType> kTypes{DType::F16, DType::F32, DType::I8, DType::I64,
                                              DType::Bool};

Dims randomDims(Random &random, int64_t low, int64_t high) {
  Dims dims;
  for (int64_t rank = random.between(low, high); rank > 0; --rank)
    dims.push_back(random.between(1, 6));
  return dims;
}

TEST(DeviceMove, ReshapesAreTheReferences) {
  Random random(1);
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    Dims x = randomDims(random, 1, 4), shape;
    int64_t rest = numElements(x);
    for (int64_t factor : {2, 3, 2, 5, 3})
      if (rest % factor == 0 && random.chance(0.6)) {
        shape.push_back(factor);
        rest /= factor;
      }
    shape.insert(shape.begin() + random.between(0, static_cast<int64_t>(shape.size())), rest);
    check(random, OpKind::Reshape, {random.tensor(random.oneOf(kTypes), x)}, {{"shape", shape}});
  }
}

TEST(DeviceMove, TransposesAreTheReferences) {
  Random random(2);
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    Dims x = randomDims(random, 1, 5);
    Ints perm(x.size());
    std::iota(perm.begin(), perm.end(), 0);
    for (size_t k = perm.size(); k > 1; --k)
      std::swap(perm[k - 1],
                perm[static_cast<size_t>(random.between(0, static_cast<int64_t>(k) - 1))]);
    check(random, OpKind::Transpose, {random.tensor(random.oneOf(kTypes), x)}, {{"perm", perm}});
  }
}

TEST(DeviceMove, SlicesAreTheReferences) {
  Random random(3);
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    Dims x = randomDims(random, 1, 4);
    Ints starts, steps, sizes;
    for (int64_t extent : x) {
      int64_t step = random.oneOf<int64_t>({1, 1, 2, -1, -2}),
              start = random.between(0, extent - 1);
      int64_t most = step > 0 ? (extent - 1 - start) / step + 1 : start / -step + 1;
      starts.push_back(start);
      steps.push_back(step);
      sizes.push_back(random.between(1, most));
    }
    check(random, OpKind::Slice, {random.tensor(random.oneOf(kTypes), x)},
          {{"starts", starts}, {"steps", steps}, {"sizes", sizes}});
  }
}

TEST(DeviceMove, ConcatenationsAreTheReferences) {
  Random random(4);
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    Dims x = randomDims(random, 1, 4);
    DType type = random.oneOf(kTypes);
    int64_t axis = random.between(0, static_cast<int64_t>(x.size()) - 1);
    std::vector<Tensor> operands;
    for (int64_t count = random.between(1, 4); count > 0; --count) {
      x[static_cast<size_t>(axis)] = random.between(1, 4);
      operands.push_back(random.tensor(type, x));
    }
    check(random, OpKind::Concat, operands, {{"axis", axis}});
  }
}

TEST(DeviceMove, PadsAreTheReferences) {
  Random random(5);
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    Dims x = randomDims(random, 1, 4);
    DType type = random.oneOf({DType::F16, DType::F32, DType::I8, DType::I64});
    std::string mode = random.oneOf<std::string>({"constant", "edge", "reflect", "wrap"});
    Ints pads(2 * x.size());
    for (size_t k = 0; k < pads.size(); ++k) {
      int64_t most =
          mode == "reflect" ? x[k % x.size()] - 1 : std::min<int64_t>(3, x[k % x.size()]);
      pads[k] = random.between(0, most);
    }
    Tensor fill(type, {});
    fill.setDouble(0, -7);
    check(random, OpKind::Pad,
          {random.tensor(type, x), mode == "constant" && random.chance(0.6) ? fill : Tensor()},
          {{"pads", pads}, {"mode", mode}}, {1});
  }
}

TEST(DeviceMove, RepetitionsAreTheReferences) {
  Random random(6);
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    Dims x = randomDims(random, 1, 4), shape = x;
    Ints repeats;
    for (size_t axis = 0; axis < x.size(); ++axis) {
      repeats.push_back(random.between(1, 3));
      if (random.chance(0.4)) {
        x[axis] = 1;
        shape[axis] = random.between(1, 4);
      }
    }
    Tensor operand = random.tensor(random.oneOf(kTypes), x);
    check(random, OpKind::Tile, {operand}, {{"repeats", repeats}});
    check(random, OpKind::Expand, {operand}, {{"shape", shape}});
  }
}

TEST(DeviceMove, PixelShufflesAreTheReferences) {
  Random random(7);
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    int64_t block = random.between(1, 3), channels = random.between(1, 4);
    int64_t height = random.between(1, 5), width = random.between(1, 5),
            batch = random.between(1, 2);
    DType type = random.oneOf(kTypes);
    check(random, OpKind::DepthToSpace,
          {random.tensor(type, {batch, channels * block * block, height, width})},
          {{"blocksize", block}, {"mode", random.oneOf<std::string>({"DCR", "CRD"})}});
    check(random, OpKind::SpaceToDepth,
          {random.tensor(type, {batch, channels, height * block, width * block})},
          {{"blocksize", block}});
  }
}

TEST(DeviceMove, GathersByConstantsAreTheReferences) {
  Random random(8);
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    Dims x = randomDims(random, 1, 4);
    int64_t axis = random.between(0, static_cast<int64_t>(x.size()) - 1);
    int64_t extent = x[static_cast<size_t>(axis)];
    Tensor indices(DType::I64, random.chance(0.3) ? Dims{} : Dims{random.between(1, 6)});
    for (int64_t k = 0; k < indices.elements(); ++k)
      indices.setDouble(k, static_cast<double>(random.between(-extent, extent - 1)));
    check(random, OpKind::Gather, {random.tensor(random.oneOf(kTypes), x), indices},
          {{"axis", axis}}, {1});
  }
}

// Rows pass through copies that keep them: no row waits for the whole tensor.
TEST(DeviceMove, RowsNeedOnlyTheirOwn) {
  emulator::KernelUnion kernel;
  emulator::MoveT move;
  auto copy = std::make_unique<emulator::CopyT>();
  // Depth to space by 2: [1, 4, 5, 3] -> [1, 1, 10, 6].
  copy->dims = {2, 2, 5, 3};
  copy->from_strides = {30, 15, 3, 1};
  copy->to_strides = {6, 1, 12, 2};
  move.copies.push_back(std::move(copy));
  kernel.Set(std::move(move));
  Dims x{1, 4, 5, 3}, y{1, 1, 10, 6};
  for (int64_t row = 0; row < 10; ++row) {
    auto range = emulator::rowsNeeded(kernel, {}, 0, x, 2, y, 2, row);
    EXPECT_EQ(range.first, row / 2);
    EXPECT_EQ(range.last, row / 2);
  }
}

} // namespace
