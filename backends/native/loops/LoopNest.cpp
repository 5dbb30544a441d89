// Planning: loop order, merging of axes, vector width, work units.
#include "backends/native/loops/LoopNest.h"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

namespace edgecc::native {

std::vector<std::pair<unsigned, unsigned>> tailPieces(int64_t count, unsigned lanes, bool masked) {
  auto rest = static_cast<unsigned>(count % lanes);
  std::vector<std::pair<unsigned, unsigned>> pieces;
  if (masked && rest > 1)
    return {{llvm::bit_ceil(rest), rest}};
  while (rest > 0) {
    unsigned width = llvm::bit_floor(rest);
    pieces.emplace_back(width, width);
    rest -= width;
  }
  return pieces;
}

// The axes of one group with their strides, in the order given.
PlannedNest::Axes PlannedNest::select(bool reduced) const {
  Axes axes;
  axes.strides.resize(nest_.views.size());
  axes.indexStrides.resize(nest_.views.size());
  for (size_t v = 0; v < nest_.views.size(); ++v)
    axes.indexStrides[v].resize(nest_.views[v].indirections.size());
  for (size_t i = 0; i < nest_.extents.size(); ++i) {
    bool isReduced = !nest_.reduced.empty() && nest_.reduced[i];
    if (isReduced != reduced || nest_.extents[i] == 1)
      continue;
    axes.extents.push_back(nest_.extents[i]);
    for (size_t v = 0; v < nest_.views.size(); ++v) {
      axes.strides[v].push_back(nest_.views[v].strides[i]);
      for (size_t k = 0; k < nest_.views[v].indirections.size(); ++k)
        axes.indexStrides[v][k].push_back(nest_.views[v].indirections[k].strides[i]);
    }
  }
  return axes;
}

template <class Fn> static void forEachStrides(auto &axes, Fn fn) {
  for (Dims &strides : axes.strides)
    fn(strides);
  for (auto &view : axes.indexStrides)
    for (Dims &strides : view)
      fn(strides);
}

// Sorts the axes from the outermost to the innermost in the memory of the ordering view and merges
// neighbours that every array walks as one.
void PlannedNest::arrange(Axes &axes, bool sort) const {
  if (sort) {
    std::vector<size_t> order(axes.size());
    std::iota(order.begin(), order.end(), size_t{0});
    const Dims key = axes.strides[nest_.order];
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      int64_t sa = std::abs(key[a]), sb = std::abs(key[b]);
      return sa != sb ? sa > sb : a < b;
    });
    auto permute = [&](Dims &values) {
      Dims out;
      for (size_t i : order)
        out.push_back(values[i]);
      values = std::move(out);
    };
    permute(axes.extents);
    forEachStrides(axes, permute);
  }
  for (size_t i = axes.size(); i-- > 1;) {
    int64_t extent = axes.extents[i];
    bool merge = true;
    forEachStrides(axes, [&](Dims &strides) { merge &= strides[i - 1] == strides[i] * extent; });
    if (!merge)
      continue;
    axes.extents[i - 1] *= extent;
    axes.extents.erase(axes.extents.begin() + static_cast<std::ptrdiff_t>(i));
    forEachStrides(axes, [&](Dims &strides) {
      strides[i - 1] = strides[i];
      strides.erase(strides.begin() + static_cast<std::ptrdiff_t>(i));
    });
  }
}

int64_t PlannedNest::reducedPoints() const { return numElements(reduced_.extents); }

PlannedNest::PlannedNest(Nest nest, const NativeTarget &target) : nest_(std::move(nest)) {
  kept_ = select(false);
  reduced_ = select(true);
  arrange(kept_, !nest_.serial);
  arrange(reduced_, !nest_.serial);

  unsigned widest = nest_.widest;
  bool wordSized = true; // masked access exists for elements of 32 bits and more
  for (const View &view : nest_.views) {
    if (view.iota)
      continue;
    widest = std::max(widest, std::max(1u, bitWidth(view.dtype) / 8));
    wordSized &= bitWidth(view.dtype) >= 32;
  }
  masked_ = target.maskedMemory && (wordSized || target.has("avx512bw"));

  const Dims &reducedKey = reduced_.strides[nest_.order];
  const Dims &keptKey = kept_.strides[nest_.order];
  alongReduced_ = !reducedKey.empty() && std::abs(reducedKey.back()) == 1;
  if (nest_.single || nest_.sequential)
    alongReduced_ = false;
  if (nest_.single) {
    lanes_ = 1;
  } else if (alongReduced_) {
    lanes_ = kFoldLanes;
  } else if (!kept_.extents.empty()) {
    bool contiguous = keptKey.back() == 1;
    if (contiguous || reduced_.extents.empty())
      lanes_ = std::max(1u, target.lanes(widest));
    // No wider than the axis.
    while (lanes_ > 1 && static_cast<int64_t>(lanes_) / 2 >= kept_.extents.back())
      lanes_ /= 2;
  }
  splitUnits();
}

void PlannedNest::splitUnits() {
  constexpr int64_t kUnitCost = 16384; // about 2 microseconds of vector code
  blockAxis_ = 0;
  block_ = kept_.extents.empty() ? 1 : kept_.extents[0];
  int64_t perPoint = std::max<int64_t>(1, reducedPoints()) * nest_.cost;
  int64_t total = numElements(kept_.extents) * perPoint;
  if (nest_.serial || kept_.extents.empty() || total < 2 * kUnitCost)
    return;
  // The outermost axis whose single indices are too little work for a unit is cut into blocks.
  int64_t inner = total;
  size_t axis = 0;
  for (; axis < kept_.size(); ++axis) {
    inner /= kept_.extents[axis];
    if (inner < kUnitCost)
      break;
  }
  if (axis == kept_.size())
    --axis, inner = perPoint;
  blockAxis_ = axis;
  block_ = (kUnitCost + inner - 1) / inner;
  if (axis + 1 == kept_.size() && !alongReduced_) // whole unrolled vectors
    block_ = (block_ + 4 * lanes_ - 1) / (4 * lanes_) * (4 * lanes_);
  block_ = std::min(block_, kept_.extents[axis]);
  blocks_ = (kept_.extents[axis] + block_ - 1) / block_;
  int64_t units = blocks_;
  for (size_t i = 0; i < axis; ++i)
    units *= kept_.extents[i];
  // parallel_for counts in 32 bits.
  if (units > int64_t{1} << 30) {
    blockAxis_ = 0;
    block_ = kept_.extents[0];
    blocks_ = units = 1;
  }
  units_ = static_cast<uint32_t>(units);
}

std::string PlannedNest::key() const {
  std::string key = fmt::format("nest({}|{}|c{}s{}{}{}w{}", fmt::join(nest_.extents, ","),
                                fmt::join(nest_.reduced, ""), nest_.cost, nest_.serial,
                                nest_.single, nest_.sequential, nest_.widest);
  for (const View &view : nest_.views) {
    key +=
        fmt::format(";a{}{}[{}]+{}{}{}", view.arg, name(view.dtype), fmt::join(view.strides, ","),
                    view.offset, view.iota ? "i" : "", view.written ? "w" : "");
    for (const Indirection &index : view.indirections)
      key += fmt::format("@{}{}[{}]+{}*{}/{}{}", index.arg, name(index.dtype),
                         fmt::join(index.strides, ","), index.offset, index.scale, index.extent,
                         index.trusted ? "t" : "");
  }
  return key + ")";
}

} // namespace edgecc::native
