#include "bench/zoo/RandomWeights.h"

#include "ir/OpDef.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace edgecc::zoo {

namespace {

// SplitMix64 (Steele, Lea and Flood 2014): fast enough for networks of 500 MB.
class Generator {
public:
  explicit Generator(uint64_t seed) : state_(seed) {}
  float uniform(float low, float high) {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    z ^= z >> 31;
    return low + (high - low) * static_cast<float>(z >> 40) * 0x1p-24f;
  }

private:
  uint64_t state_;
};

struct Range {
  float low, high;
};

Range ofVariance(double variance) {
  auto limit = static_cast<float>(std::sqrt(3 * variance));
  return {-limit, limit};
}

// What operand `index` of `op` should hold.
Range rangeOf(const Op &op, unsigned index) {
  const Dims &dims = op.operand(index)->dims();
  auto fanIn = [](int64_t products) { return ofVariance(2.0 / static_cast<double>(products)); };
  int64_t filter = 1; // positions of a filter
  for (size_t i = 2; i < dims.size(); ++i)
    filter *= dims[i];
  switch (op.kind()) {
  case OpKind::Conv:
    if (index == 1)
      return fanIn(dims[1] * filter);
    break;
  case OpKind::ConvTranspose:
    if (index == 1)
      return fanIn(dims[0] * filter);
    break;
  case OpKind::Gemm:
    if (index == 1)
      return fanIn(op.flag("transB") ? dims[1] : dims[0]);
    break;
  case OpKind::MatMul:
    return fanIn(dims[dims.size() - 2]);
  case OpKind::BatchNormalization:
    if (index >= 3)
      return index == 3 ? Range{0, 0} : Range{1, 1};
    [[fallthrough]];
  case OpKind::LayerNormalization:
    if (index == 1)
      return {0.5f, 1.5f};
    break;
  default:
    break;
  }
  return {-0.1f, 0.1f};
}

} // namespace

void fillWithRandom(Module &module, uint64_t seed) {
  std::map<std::string, Range> ranges;
  for (const auto &function : module.functions())
    walk(function->body, [&](const Op &op) {
      for (unsigned i = 0; i < op.numOperands(); ++i)
        if (const Value *operand = op.operand(i); operand && operand->definingOp())
          if (const Parameter *parameter = operand->definingOp()->parameter)
            ranges.try_emplace(parameter->name, rangeOf(op, i));
    });
  Generator generator(seed);
  for (const auto &parameter : module.parameters()) {
    auto range = ranges.find(parameter->name);
    bool isFixed = range != ranges.end() && range->second.low == range->second.high;
    if (range == ranges.end() || (!parameter->trainable && !isFixed))
      continue;
    std::ranges::generate(parameter->content.mutableData<float>(),
                          [&] { return generator.uniform(range->second.low, range->second.high); });
  }
}

} // namespace edgecc::zoo
