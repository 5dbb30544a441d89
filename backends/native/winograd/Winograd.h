// Convolutions of stride 1 with fewer multiplications (Lavin and Gray, "Fast Algorithms for
// Convolutional Neural Networks", 2016): tiles of the image and the filters are transformed, matrix
// products over the channels follow for each of the frequencies (elements of a transformed tile),
// and what comes back is transformed into tiles of results.
#pragma once

#include "backends/native/contraction/Direct.h"
#include "backends/native/contraction/Pack.h"
#include "backends/native/winograd/CookToom.h"

#include <algorithm>
#include <optional>

namespace edgecc::native {

// Decisions that follow from a Contraction and a target. Pitches are in f32 elements.
struct WinogradPlan {
  CookToom y, x;
  int64_t tilesY = 1, tilesX = 1, tiles = 1; // of results; `tiles` of all images of the batch
  // Tiles that are transformed, multiplied and transformed back together; the last block may have
  // fewer.
  int64_t blockTiles = 1;
  // One kernel in whose units a block stays in the second-level cache; or two, for few tiles and
  // many weights: the first transforms the input, the second has a unit for each panel of columns.
  bool split = false;
  Tiling tiling;          // rows: the tiles of a block
  int64_t panelTiles = 1; // column tiles whose products are kept for all frequencies
  int64_t inputUnit = 1;  // tiles of a unit of the first kernel, if split
  int64_t inputPitch = 0, inputPlane = 0;     // of transformed inputs: [frequency][tile][channel]
  int64_t productPitch = 0, productPlane = 0; // of products: [frequency][tile][column of a panel]
  int64_t borderPitch = 0;                    // of a pixel of a tile that reaches beyond the image
  double cycles = 0;                          // estimated, of one core
  double uneven = 1;                          // see imbalance, for two threads

  int64_t frequencies() const { return y.points() * x.points(); }
  int64_t blocks() const { return (tiles + blockTiles - 1) / blockTiles; }
  int64_t panels() const { return (tiling.count() + panelTiles - 1) / panelTiles; }
  int64_t inputFloats() const { return frequencies() * inputPlane; }
  int64_t productFloats() const { return frequencies() * productPlane; }
  int64_t borderFloats() const { return y.points() * x.points() * borderPitch; }
  // What plans are compared by: time on one thread and, for a quarter, on two. Those meet at the
  // end of a kernel, which takes the time of `kMeeting` cycles: less than that is not worth
  // dividing.
  double weight() const {
    constexpr double kMeeting = 20e3;
    return cycles + 0.25 * (uneven - 1) * std::max(0.0, cycles - kMeeting);
  }
  std::string str() const; // "Winograd 4x4"
};

// Whether the method applies: stride 1, no dilation, f32, constant weights, neighbouring channels.
bool canUseWinograd(const Contraction &contraction);

// Results of a tile along each axis.
struct WinogradTile {
  int64_t y = 1, x = 1;
};

// The plan with the least estimated time for that tile (of one result along axes that the filter
// does not span); none if the method does not apply to it.
std::optional<WinogradPlan> planWinograd(const Contraction &contraction, WinogradTile tile,
                                         const NativeTarget &target);

// The plan that `algorithm` asks for; Auto: the one of least weight if that is below
// `directCycles`.
std::optional<WinogradPlan> chooseWinograd(const Contraction &contraction, ConvAlgorithm algorithm,
                                           double directCycles, const NativeTarget &target);

// Adds the transformed weights, computed in f64 and rounded once, in the order in which the
// products read them: for each group [panel][frequency][column tile][channel][column]. Returns the
// offset.
int64_t packWinograd(const Contraction &contraction, const WinogradPlan &plan,
                     const ConstantColumns &source, WeightSection &weights);

// Bytes of the transformed weights of one group.
int64_t winogradBytes(const Contraction &contraction, const WinogradPlan &plan);

// The kernels, in order; args are those that the operands' `arg` fields index.
std::vector<Kernel> winogradKernels(Contraction contraction, WinogradPlan plan,
                                    std::vector<KernelArg> args, const NativeTarget &target);

} // namespace edgecc::native
