// The one mechanism behind everything that is not a contraction: loops over an index space, arrays
// that are addressed by strides over those loops, one axis that is walked by vectors, and work
// units that are contiguous ranges of the outer loops.
//
// A nest has kept axes, which select elements of the results, and reduced axes, which a kernel
// walks for each of them (none for element-wise kernels and data movement). Both groups are put in
// memory order and axes that lie one behind the other in every array are merged.
#pragma once

#include "backends/native/Kernel.h"

namespace edgecc::native {

// Adds index * scale to an element offset, where `index` is read from an i32 or i64 array. Negative
// indices count from the end of the axis.
struct Indirection {
  unsigned arg = 0;
  DType dtype = DType::I64;
  Dims strides;       // of the index array, over the loops
  int64_t offset = 0; // of its first element
  int64_t extent = 0; // of the indexed axis
  int64_t scale = 1;
  bool trusted = false; // a table made at compile time: every index is inside the axis
};

// How one array is addressed over the loops.
struct View {
  unsigned arg = 0;
  DType dtype = DType::F32;
  Dims strides;       // in elements, for each loop
  int64_t offset = 0; // in elements
  std::vector<Indirection> indirections;
  bool iota = false;    // no memory: the value is the offset itself, as i64
  bool written = false; // a result: its elements are not read ahead of time
};

struct Nest {
  Dims extents;
  std::vector<bool> reduced; // for each loop; empty: none
  std::vector<View> views;
  unsigned order = 0;      // the view whose memory order the kept loops take
  int64_t cost = 1;        // relative cost of a point; 1 is a load, a store and an addition
  unsigned widest = 1;     // bytes of the widest element that the body computes with
  bool serial = false;     // all in one unit, in ascending order of the loops as given
  bool sequential = false; // the reduced loops are walked one element at a time
  bool single = false;     // points are single elements: the body brings its own vectors

  unsigned addView(View view) {
    views.push_back(std::move(view));
    return static_cast<unsigned>(views.size() - 1);
  }
};

class NestEmitter;

// A position in a nest: `lanes` consecutive elements along the vector axis, the first `active` of
// which exist.
class Point {
public:
  unsigned lanes = 1, active = 1;

  // The elements of a view in registers (scalarType of its element type; i64 for iota).
  llvm::Value *load(unsigned view) const;
  void store(unsigned view, llvm::Value *value) const;
  // Pointer to the element of lane 0.
  llvm::Value *pointer(unsigned view) const;
  // Element offset of lane 0, indirections included where they do not vary among the lanes.
  llvm::Value *offset(unsigned view) const { return offsets[view]; }
  // The same position with another offset for one view.
  Point at(unsigned view, llvm::Value *offset) const {
    Point other = *this;
    other.offsets[view] = offset;
    other.hoisted[view] = nullptr;
    return other;
  }
  // How far neighbouring lanes lie apart, in elements.
  int64_t laneStride(unsigned view) const { return laneStrides[view]; }

private:
  friend class NestEmitter;
  std::vector<llvm::Value *> laneOffsets(unsigned view) const;
  bool isIrregular(unsigned view) const;
  // Halves as integers; see Point.cpp.
  llvm::Value *loadMoved(unsigned view) const;
  llvm::Value *loadScalar(unsigned view) const;

  const NestEmitter *nest = nullptr;
  std::vector<llvm::Value *> offsets;                   // per view
  std::vector<int64_t> laneStrides;                     // per view
  std::vector<std::vector<llvm::Value *>> indexOffsets; // per view and indirection
  std::vector<std::vector<int64_t>> indexLaneStrides;
  std::vector<llvm::Value *> hoisted; // scalars of views that do not vary
};

// A nest with its loop order, unit split and vector width decided: what planning keeps.
class PlannedNest {
public:
  // The reduced loops are walked by vectors if a reduced axis is contiguous in the ordering view,
  // else the kept ones.
  PlannedNest(Nest nest, const NativeTarget &target);

  uint32_t units() const { return units_; }
  std::string key() const; // everything the code depends on
  // Whether the vector axis is a reduced one.
  bool alongReduced() const { return alongReduced_; }
  unsigned lanes() const { return lanes_; }
  const Nest &nest() const { return nest_; }
  int64_t reducedPoints() const; // product of the reduced extents

private:
  friend class NestEmitter;
  struct Axes {
    Dims extents;
    std::vector<Dims> strides;                   // [view][axis]
    std::vector<std::vector<Dims>> indexStrides; // [view][indirection][axis]
    size_t size() const { return extents.size(); }
  };
  Axes select(bool reduced) const;
  void arrange(Axes &axes, bool sort) const;
  void splitUnits();

  Nest nest_;
  Axes kept_, reduced_;
  bool alongReduced_ = false;
  unsigned lanes_ = 1;
  bool masked_ = false; // tails by masked access
  // Units: the kept axes before `blockAxis_`, then blocks of `block_` indices of that axis.
  size_t blockAxis_ = 0;
  int64_t block_ = 1, blocks_ = 1;
  uint32_t units_ = 1;
};

// Emits the loops of a planned nest into a kernel.
class NestEmitter {
public:
  NestEmitter(KernelEmitter &e, const PlannedNest &plan) : e(e), plan(plan) {}

  using Body = std::function<void(const Point &)>;
  // Calls `body` for every kept point of this kernel's units. For nests without reduced loops, and
  // with vectors along a kept axis, points are vectors; else they are single elements.
  void run(const Body &body);

  // --- inside run, for nests with reduced loops ---
  // Calls `body` for every reduced point of the row at `row`; the values are carried from one point
  // to the next, in a fixed order. Inactive lanes of a vector read as zero: `body` masks them.
  using Fold =
      std::function<std::vector<llvm::Value *>(const Point &, const std::vector<llvm::Value *> &)>;
  std::vector<llvm::Value *> fold(const Point &row, std::vector<llvm::Value *> init,
                                  const Fold &body);
  void each(const Point &row, const Body &body);
  // Lanes of the values that a fold carries.
  unsigned foldLanes(const Point &row) const;
  // In vectors along a reduced axis, the lanes combined by a fixed tree; else the value itself.
  llvm::Value *combine(const Point &row, llvm::Value *carried,
                       const std::function<llvm::Value *(llvm::Value *, llvm::Value *)> &fn) const;
  // A value of the row in as many lanes as `point` of that row has.
  llvm::Value *spread(const Point &point, llvm::Value *ofRow) const;
  // Inactive lanes of `value` replaced by `identity`.
  llvm::Value *mask(const Point &point, llvm::Value *value, llvm::Value *identity) const;

  KernelEmitter &e;
  const PlannedNest &plan;

private:
  friend class Point;
  using Axes = PlannedNest::Axes;
  void advance(Point &point, const Axes &axes, size_t axis, llvm::Value *index) const;
  void setLaneAxis(Point &point, const Axes &axes, size_t axis) const;
  void resolve(Point &point, bool insideReduced = false) const;
  void keptLoops(const Point &at, size_t axis, llvm::Value *blockFrom, llvm::Value *blockTo,
                 const Body &body);
  void vectorLoop(const Point &at, const Axes &axes, unsigned lanes, llvm::Value *from,
                  llvm::Value *to, const Body &body);
  std::vector<llvm::Value *> foldLoops(const Point &at, size_t axis,
                                       std::vector<llvm::Value *> carried, const Fold &body);
  std::vector<llvm::Value *> foldVectors(const Point &at, std::vector<llvm::Value *> carried,
                                         const Fold &body);
  Point start() const;
};

// Lanes of a vector fold along a reduced axis, whatever the target: element i goes to lane i % 16.
inline constexpr unsigned kFoldLanes = 16;

// An index from memory as i64: counted from the end if negative; reported and clamped if it lies
// outside its axis.
llvm::Value *checkedIndex(KernelEmitter &e, const Indirection &index, llvm::Value *raw);

// Splits `count` into full vectors of `lanes` and a tail: the widths (a power of two each, with the
// active lanes) that cover the tail.
std::vector<std::pair<unsigned, unsigned>> tailPieces(int64_t count, unsigned lanes, bool masked);

} // namespace edgecc::native
