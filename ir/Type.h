// Element types, shapes, layouts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace edgecc {

// Element types. F8* and F4E2M1 are storage types: only casts and (de)quantisation accept them.
enum class DType : uint8_t {
  F32,
  F16,
  BF16,
  F64,
  F8E4M3FN,
  F8E4M3FNUZ,
  F8E5M2,
  F8E5M2FNUZ,
  F8E8M0,
  F4E2M1,
  I4,
  U4,
  I8,
  U8,
  I16,
  U16,
  I32,
  U32,
  I64,
  U64,
  Bool,
};
inline constexpr unsigned kNumDTypes = 21;

// "f32", "i8", "bool"...
std::string_view name(DType type);
std::optional<DType> dtypeFromName(std::string_view name);

// Storage width; 4 for the types that pack two elements in a byte, 8 for bool.
unsigned bitWidth(DType type);
inline bool isSubByte(DType type) { return bitWidth(type) < 8; }

bool isFloat(DType type);        // F32 F16 BF16 F64
bool isStorageFloat(DType type); // F8*, F4E2M1
bool isSigned(DType type);       // signed integers, incl. I4
bool isUnsigned(DType type);     // unsigned integers, incl. U4, without Bool
inline bool isInteger(DType type) { return isSigned(type) || isUnsigned(type); }

// A set of element types, as a bit mask over DType.
using DTypeSet = uint32_t;
constexpr DTypeSet setOf(DType type) { return DTypeSet{1} << static_cast<unsigned>(type); }
template <class... Ts> constexpr DTypeSet setOf(DType first, Ts... rest) {
  return setOf(first) | setOf(rest...);
}
inline constexpr DTypeSet kFloats = setOf(DType::F32, DType::F16, DType::BF16, DType::F64);
inline constexpr DTypeSet kInts = setOf(DType::I8, DType::I16, DType::I32, DType::I64, DType::U8,
                                        DType::U16, DType::U32, DType::U64);
inline constexpr DTypeSet kInt4s = setOf(DType::I4, DType::U4);
inline constexpr DTypeSet kStorageFloats = setOf(DType::F8E4M3FN, DType::F8E4M3FNUZ, DType::F8E5M2,
                                                 DType::F8E5M2FNUZ, DType::F8E8M0, DType::F4E2M1);
inline constexpr DTypeSet kBool = setOf(DType::Bool);
inline constexpr DTypeSet kNumbers = kFloats | kInts;
inline constexpr DTypeSet kAny = (DTypeSet{1} << kNumDTypes) - 1;

using Dims = std::vector<int64_t>;

// What any shape may have at most, so that sizes, strides and offsets fit in int64_t, and so does
// the product of an extent with an integer attribute (kMaxAttribute in ir/OpDef.h).
inline constexpr size_t kMaxRank = 32;
inline constexpr int64_t kMaxExtent = int64_t{1} << 30;
inline constexpr int64_t kMaxElements = int64_t{1} << 48;

// Whether a shape from outside (a file, arithmetic on the user's numbers) is one that the IR can
// hold: no extent is negative, and rank, extents and the product of the non-zero extents are within
// the limits above.
bool isValidShape(const Dims &dims);

// Product of the extents; 1 for a scalar.
int64_t numElements(const Dims &dims);

// Bytes of a dense tensor; sub-byte types pack along the whole tensor.
int64_t numBytes(DType type, const Dims &dims);

// Element strides of a dense row-major tensor.
Dims rowMajorStrides(const Dims &dims);

// How a value lies in memory; exists only after lower/. Absent means dense row-major.
struct Layout {
  // Logical axes from the outermost to the innermost in memory, e.g. {0, 2, 3, 1} for NHWC.
  std::vector<int> order;
  // Zero-filled elements stored before and after each logical axis, so that a padded convolution
  // reads its halo like any other element. Empty means none.
  Dims haloLow;
  Dims haloHigh;

  bool operator==(const Layout &) const = default;
  bool hasHalo() const;
};

// Element type and shape. A dimension is a constant, or a bounded one: `dims` then holds its
// maximum, and the actual extent is known at run time only.
struct Type {
  DType dtype = DType::F32;
  Dims dims;
  uint32_t boundedAxes = 0; // bit i: dims[i] is a maximum
  std::optional<Layout> layout;

  bool operator==(const Type &) const = default;
  unsigned rank() const { return static_cast<unsigned>(dims.size()); }
  bool isStatic() const { return boundedAxes == 0; }
  int64_t elements() const { return numElements(dims); }
  int64_t bytes() const { return numBytes(dtype, dims); }
  // "f32[1x3x224x224]", "i64[]", "i64[<=100x3]",
  // "f32[1x8x4x4, order=[0, 2, 3, 1], halo=[0, 0, 1, 1]/[0, 0, 1, 1]]"
  std::string str() const;
};

// Same element type, dims and bounded axes, whatever the layout.
bool sameLogicalType(const Type &a, const Type &b);

} // namespace edgecc
