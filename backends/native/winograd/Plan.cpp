#include "backends/native/contraction/Balance.h"
#include "backends/native/winograd/Cost.h"

#include <algorithm>
#include <cmath>

namespace edgecc::native {

namespace {

// Transformed inputs and products of a block, so that both stay in a second-level cache beside the
// weights that stream through it.
constexpr int64_t kBlockBytes = 640 << 10;
// Products of a panel of a kernel of its own.
constexpr int64_t kPanelBytes = 384 << 10;
// Blocks for which two threads have about the same to do.
constexpr int64_t kManyBlocks = 8;

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Elements between planes: an odd number of cache lines, so that the planes of one vector fall on
// all sets of a first-level cache.
int64_t planePitch(int64_t elements) {
  int64_t lines = ceilDiv(elements, 16);
  return (lines | 1) * 16;
}

// Elements between rows that a tile reads side by side; see planePitch.
int64_t rowPitch(int64_t elements, int64_t lanes) {
  int64_t pitch = ceilDiv(elements, lanes) * lanes;
  return pitch % 256 == 0 ? pitch + 16 : pitch;
}

void setLayout(WinogradPlan &plan, const Contraction &c, int64_t lanes) {
  plan.inputPitch = rowPitch(c.left.channels, lanes);
  plan.inputPlane = planePitch(plan.blockTiles * plan.inputPitch);
  int64_t width =
      std::min(plan.panelTiles * plan.tiling.full.padded(), plan.tiling.paddedColumns());
  if (plan.tiling.fullCount == 0)
    width = plan.tiling.tail.padded();
  plan.productPitch = ceilDiv(width, lanes) * lanes;
  plan.productPlane = planePitch(plan.blockTiles * plan.productPitch);
  plan.borderPitch = ceilDiv(c.left.channels, lanes) * lanes;
}

// The plan for blocks of `blockTiles`, whose column tiles are already chosen.
void choosePanels(WinogradPlan &plan, const Contraction &c, int64_t lanes) {
  int64_t count = plan.tiling.count();
  plan.panelTiles = count;
  setLayout(plan, c, lanes);
  auto fits = [&] {
    int64_t bytes = plan.productFloats() * 4;
    return plan.split ? bytes <= kPanelBytes : bytes + plan.inputFloats() * 4 <= kBlockBytes;
  };
  // Evenly filled panels.
  for (int64_t panels = 2; panels <= count && !fits(); ++panels) {
    plan.panelTiles = ceilDiv(count, panels);
    setLayout(plan, c, lanes);
  }
  if (!plan.split)
    return;
  // Work for eight threads.
  while (plan.panelTiles > 1 && plan.panels() * plan.blocks() * c.outer[1] < kManyBlocks) {
    plan.panelTiles = ceilDiv(plan.panelTiles, 2);
    setLayout(plan, c, lanes);
  }
}

// Of the kernel with the products.
double uneven(const WinogradPlan &plan, const Contraction &c) {
  constexpr int64_t kAlwaysEven = 64;
  int64_t panels = plan.split ? plan.panels() : 1, groups = c.outer[1];
  if (groups * plan.blocks() * panels > kAlwaysEven)
    return 1;
  std::vector<double> costs;
  for (int64_t group = 0; group < groups; ++group)
    for (int64_t block = 0; block < plan.blocks(); ++block)
      for (int64_t panel = 0; panel < panels; ++panel) {
        int64_t tiles = std::min(plan.blockTiles, plan.tiles - block * plan.blockTiles);
        int64_t columnTiles = std::min(plan.split ? plan.panelTiles : plan.tiling.count(),
                                       plan.tiling.count() - panel * plan.panelTiles);
        costs.push_back(static_cast<double>(tiles * columnTiles));
      }
  return imbalance(costs, 2);
}

} // namespace

bool canUseWinograd(const Contraction &c) {
  auto isAxis = [](const Window &w) {
    return w.step == 1 && (w.taps == 1 || (w.tapStep == 1 && (w.taps == 3 || w.taps == 5)));
  };
  const LeftOperand &left = c.left;
  if (left.windows.size() != 2 || !isAxis(left.windows[0]) || !isAxis(left.windows[1]) ||
      (left.windows[0].taps == 1 && left.windows[1].taps == 1))
    return false;
  if (c.outer.size() < 2 ||
      std::any_of(c.outer.begin() + 2, c.outer.end(), [](int64_t extent) { return extent != 1; }))
    return false;
  const Product &p = c.product;
  return p.kind == Product::Kind::Plain && p.a == DType::F32 && p.b == DType::F32 &&
         p.accumulator == DType::F32 && p.block == 0 && left.dtype == DType::F32 &&
         left.shift == 0 && left.zeroPointArg < 0 && left.channelStride == 1 &&
         c.right.kind == RightOperand::Kind::Packed && c.rowsY > 0 && c.rowsX > 0 &&
         c.outer[0] > 0 && left.channels > 0 && c.columns > 0;
}

std::optional<WinogradPlan> planWinograd(const Contraction &c, WinogradTile tile,
                                         const NativeTarget &target) {
  int64_t tapsY = c.left.windows[0].taps, tapsX = c.left.windows[1].taps;
  if ((tapsY == 1 && tile.y > 1) || (tapsX == 1 && tile.x > 1) || tile.y + tapsY - 1 > 8 ||
      tile.x + tapsX - 1 > 8)
    return {};
  WinogradPlan plan;
  plan.y = cookToom(tile.y, tapsY);
  plan.x = cookToom(tile.x, tapsX);
  plan.tilesY = ceilDiv(c.rowsY, plan.y.outputs);
  plan.tilesX = ceilDiv(c.rowsX, plan.x.outputs);
  plan.tiles = plan.tilesY * plan.tilesX * c.outer[0];
  auto lanes = static_cast<int64_t>(target.lanes(4));
  std::optional<WinogradPlan> best;
  // With every register in use, compilers spill in some of the loops.
  NativeTarget roomy = target;
  if (target.vectorRegisters > 16)
    roomy.vectorRegisters -= 2;
  auto consider = [&](int64_t blocks, bool split) {
    plan.split = split;
    plan.blockTiles = ceilDiv(plan.tiles, blocks);
    plan.tiling = chooseTiling(roomy, c.product, 1, plan.blockTiles, c.columns, c.left.channels);
    plan.inputUnit = ceilDiv(plan.blockTiles, kManyBlocks);
    choosePanels(plan, c, lanes);
    plan.cycles = winogradCycles(c, plan, target);
    plan.uneven = uneven(plan, c);
    if (!best || plan.weight() < best->weight() * 0.995)
      best = plan;
  };
  constexpr int64_t kMaxBlockTiles = 128, kMinBlockTiles = 4;
  int64_t most = std::max<int64_t>(1, plan.tiles / kMinBlockTiles), last = 0;
  // By tiles, not by blocks: an image may be as large as a model says.
  for (int64_t tiles = std::min(kMaxBlockTiles, plan.tiles); tiles > 0; --tiles) {
    int64_t blocks = ceilDiv(plan.tiles, tiles);
    if (blocks == last || blocks > most)
      continue;
    last = blocks;
    bool many = blocks * c.outer[1] >= kManyBlocks;
    if (many || plan.tiles * c.columns * c.left.channels < 4096)
      consider(blocks, false);
    if (!many)
      consider(blocks, true);
  }
  return best;
}

// Whether the transforms stay in registers. Those of eight points spill where there are 16, which
// costs what the larger tile saves: measured with AVX2, F(6x6,3x3) takes 1.0 to 1.5 times as long
// as F(4x4,3x3).
static bool fits(const Contraction &c, WinogradTile tile, const NativeTarget &target) {
  int64_t most = target.vectorRegisters > 16 ? 8 : 6;
  return tile.y + c.left.windows[0].taps - 1 <= most && tile.x + c.left.windows[1].taps - 1 <= most;
}

// What to choose from, smaller tiles first.
static std::vector<WinogradTile> tilesOf(const Contraction &c, ConvAlgorithm algorithm) {
  bool hasY = c.left.windows[0].taps > 1, hasX = c.left.windows[1].taps > 1;
  auto square = [&](int64_t outputs) {
    return WinogradTile{hasY ? outputs : 1, hasX ? outputs : 1};
  };
  switch (algorithm) {
  case ConvAlgorithm::Winograd2:
    return {square(2)};
  case ConvAlgorithm::Winograd4:
    return {square(4)};
  case ConvAlgorithm::Winograd6:
    return {square(6)};
  default:
    break;
  }
  if (!hasY || !hasX)
    return {square(2), square(4), square(6)};
  return {{2, 2}, {2, 4}, {4, 2}, {4, 4}, {4, 6}, {6, 4}, {6, 6}};
}

std::optional<WinogradPlan> chooseWinograd(const Contraction &c, ConvAlgorithm algorithm,
                                           double directCycles, const NativeTarget &target) {
  if (algorithm == ConvAlgorithm::Direct || !canUseWinograd(c))
    return {};
  std::optional<WinogradPlan> best;
  for (WinogradTile tile : tilesOf(c, algorithm)) {
    if (algorithm == ConvAlgorithm::Auto && !fits(c, tile, target))
      continue;
    auto plan = planWinograd(c, tile, target);
    // Larger tiles round more.
    if (plan && (!best || plan->weight() < 0.97 * best->weight()))
      best = std::move(plan);
  }
  if (best && algorithm == ConvAlgorithm::Auto && best->weight() > directCycles)
    return {};
  return best;
}

} // namespace edgecc::native
