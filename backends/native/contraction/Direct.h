// A contraction as one loop nest: output rows (pixels or matrix rows) x columns (output channels),
// reduced over window taps and channels, in register tiles. Convolution, transposed convolution
// and matrix products are all instances of it.
#pragma once

#include "backends/native/contraction/Epilogue.h"

namespace edgecc::native {

// How output index o and tap t along one spatial axis address the input: o * step + t * tapStep -
// pad; an index outside [0, in) reads padding.
struct Window {
  int64_t in = 1, taps = 1, step = 1, tapStep = 1, pad = 0;
  int64_t stride = 0; // elements of the left operand between neighbours along the axis

  bool needsPadding(int64_t out) const {
    return pad > 0 || (out - 1) * step + (taps - 1) * tapStep - pad >= in;
  }
  // Input indices that `out` neighbouring outputs span.
  int64_t span(int64_t out) const { return (out - 1) * step + (taps - 1) * tapStep + 1; }
};

// The left operand, broadcast to the columns: an image or the rows of a matrix.
struct LeftOperand {
  unsigned arg = 0;
  DType dtype = DType::F32;
  Dims outer; // element stride for each outer axis; 0 for spatial ones, which have a window
  // Outer spatial axes (the last outer axes), then y, then x.
  std::vector<Window> windows;
  int64_t channels = 1, channelStride = 1;

  // Narrow integers only: what is added to an element when it is staged, before it is reduced to
  // the product's type, and what padding holds after that.
  int64_t shift = 0, padding = 0;
  int zeroPointArg = -1; // subtracted too: a scalar of `dtype` known at run time; -1: none
};

// The right operand: weights or the columns of a matrix.
struct RightOperand {
  enum class Kind : uint8_t {
    Packed,  // a constant, packed at compile time as packColumns does
    InPlace, // columns are neighbours in memory: read where they are
    Gathered // packed by the kernel into scratch, a tile at a time
  };
  Kind kind = Kind::Packed;
  unsigned arg = 0;
  DType dtype = DType::F32; // in memory
  Dims outer; // for each outer axis; Packed: in whole packed matrices, else in elements
  // For InPlace and Gathered, in elements:
  Dims tapStrides; // one for each window
  int64_t channelStride = 0, columnStride = 1;
  // Gathered narrow integers: what is subtracted, elements of `dtype`; -1: nothing.
  int zeroPointArg = -1;
  int64_t zeroPointColumnStride = 0;
};

struct Contraction {
  std::string name; // of the kernel
  Product product;
  Dims outer; // extents of the outer axes: batch, group, outer spatial axes
  int64_t rowsY = 1, rowsX = 1, columns = 1;
  LeftOperand left;
  RightOperand right;
  Epilogue epilogue;

  int64_t depth() const; // multiply-accumulates for each output element
  // Joins axes that all operands address as one, so that tiles are not cut at their ends.
  void collapse();
};

// Decisions that follow from a Contraction and a target.
struct Schedule {
  bool staged = false;    // input rows are copied to scratch, padded, before use
  int64_t pixelPitch = 0; // of staged rows: channels, and a gap where strides would collide
  Tiling tiling;
  int64_t blockY = 1, blockX = 1; // rows of a work unit
  int64_t blockColumns = 1;       // column tiles of a work unit
  // Units are in the order [outer][group of rows][columns][rows of the group], so that threads get
  // even parts where column tiles differ.
  int64_t rowGroups = 1;
  // Whether units count the last outer axis first: what all groups read of a large image then stays
  // in the second-level cache.
  bool groupsInside = false;
  std::vector<ReductionLoop> loops; // strides in bytes; strideB for packed full tiles of 1 column
  // The innermost loop runs over groups of a run of this many consecutive elements.
  int64_t run = 1;
  int scaledLoop = -1;                                    // see MicroKernel
  int64_t stagedBytes = 0, panelBytes = 0, tileBytes = 0; // parts of the scratch

  int64_t unitsY(const Contraction &c) const { return (c.rowsY + blockY - 1) / blockY; }
  int64_t unitsX(const Contraction &c) const { return (c.rowsX + blockX - 1) / blockX; }
  int64_t unitsColumns() const { return (tiling.count() + blockColumns - 1) / blockColumns; }
};

Schedule scheduleOf(const Contraction &contraction, const NativeTarget &target);

// The product that takes fewer instructions: the contraction's own, or one with the same results.
// The right operand must be constant.
Product fasterProduct(const Contraction &contraction, const NativeTarget &target);

// Elements of the left operand between neighbouring rows, lines and taps, as the micro-kernel sees
// them: in place or staged.
struct LeftStrides {
  Dims taps; // for each window
  int64_t y, x, channel;
};
LeftStrides leftStrides(const Contraction &contraction, const Schedule &schedule);

// Bytes of one column of a packed matrix.
int64_t packedColumnBytes(const Contraction &contraction, const Schedule &schedule);

// Bytes of one packed matrix.
int64_t packedBytes(const Contraction &contraction, const Schedule &schedule);

// The kernel; args are those that the operands' `arg` fields index.
Kernel directKernel(Contraction contraction, Schedule schedule, std::vector<KernelArg> args);

} // namespace edgecc::native
