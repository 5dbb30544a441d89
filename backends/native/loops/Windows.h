// Sliding windows over some axes of an array: what pooling and local response normalisation share.
#pragma once

#include "backends/native/loops/Planning.h"

namespace edgecc::native {

struct WindowAxis {
  size_t axis;
  int64_t in; // extent of the operand
  int64_t kernel, stride, dilation, padLow;
  int64_t padHigh = 0;

  int64_t start(int64_t o) const { return o * stride - padLow; }
  int64_t last(int64_t o) const { return start(o) + (kernel - 1) * dilation; }
};

// One kernel's share of the windows: the axis that vectors walk is cut where its windows begin to
// reach into the padding, so that within a piece either all lanes' windows are whole along it or
// points are single elements.
struct WindowPiece {
  std::optional<size_t> cutAxis; // the vector axis, if it has windows
  int64_t first = 0, count = 0;  // indices along it
  bool whole = false;            // no window of the piece leaves the operand along it
};

std::vector<WindowPiece> windowPieces(const std::vector<WindowAxis> &windows,
                                      const Dims &resultDims, const Dims &resultStrides);

// The views that window loops need in a nest over the result's axes.
struct WindowViews {
  unsigned x = 0;               // at tap 0 of the window
  Dims tapStrides;              // elements from one tap to the next, for each window axis
  std::vector<unsigned> starts; // iota: operand index of tap 0 along each window axis
  std::vector<bool> clipped;    // whether any window of the piece reaches outside along the axis
};

// Emits the loops over the taps of one point's windows that lie inside the operand.
class WindowLoops {
public:
  WindowLoops(KernelEmitter &e, const std::vector<WindowAxis> &windows, const WindowViews &views)
      : e_(e), windows_(windows), views_(views) {}

  // body(offset of x at the tap, tap index of each axis, carried values) returns the next values.
  using Body = std::function<std::vector<llvm::Value *>(llvm::Value *offset,
                                                        const std::vector<llvm::Value *> &taps,
                                                        const std::vector<llvm::Value *> &carried)>;
  std::vector<llvm::Value *> fold(const Point &point, std::vector<llvm::Value *> init,
                                  const Body &body);
  // Taps inside the operand, over all axes; with the padding: inside the padded operand. i64.
  llvm::Value *count(const Point &point, bool withPadding);

private:
  struct Range {
    llvm::Value *low, *high;
  };
  Range range(const Point &point, size_t i);
  llvm::Value *tapsBelow(llvm::Value *room, const WindowAxis &window);
  std::vector<llvm::Value *> foldAxis(const std::vector<Range> &ranges, size_t i,
                                      llvm::Value *offset, std::vector<llvm::Value *> taps,
                                      std::vector<llvm::Value *> carried, const Body &body);

  KernelEmitter &e_;
  const std::vector<WindowAxis> &windows_;
  const WindowViews &views_;
};

// The nest of one piece: results of `op` first, then x and the windows' starts.
struct WindowPlan {
  Nest nest;
  RegionCode code;
  WindowViews views;

  static Expected<WindowPlan> create(const Op &op, const Op &anchor,
                                     const std::vector<WindowAxis> &windows,
                                     const WindowPiece &piece, KernelBuilder &kernel);
};

} // namespace edgecc::native
