#include "ir/Type.h"

#include <algorithm>
#include <array>

namespace edgecc {

namespace {

struct DTypeInfo {
  std::string_view name;
  unsigned bits;
};

constexpr std::array<DTypeInfo, kNumDTypes> kInfo = {{
    {"f32", 32},       {"f16", 16},   {"bf16", 16},      {"f64", 64},   {"f8e4m3fn", 8},
    {"f8e4m3fnuz", 8}, {"f8e5m2", 8}, {"f8e5m2fnuz", 8}, {"f8e8m0", 8}, {"f4e2m1", 4},
    {"i4", 4},         {"u4", 4},     {"i8", 8},         {"u8", 8},     {"i16", 16},
    {"u16", 16},       {"i32", 32},   {"u32", 32},       {"i64", 64},   {"u64", 64},
    {"bool", 8},
}};
static_assert(static_cast<unsigned>(DType::Bool) + 1 == kNumDTypes);

bool contains(DTypeSet set, DType type) { return set & setOf(type); }

std::string list(const auto &values) {
  std::string text = "[";
  for (size_t i = 0; i < values.size(); ++i)
    text += (i ? ", " : "") + std::to_string(values[i]);
  return text + "]";
}

} // namespace

std::string_view name(DType type) { return kInfo[static_cast<unsigned>(type)].name; }

std::optional<DType> dtypeFromName(std::string_view name) {
  for (unsigned i = 0; i < kNumDTypes; ++i)
    if (kInfo[i].name == name)
      return static_cast<DType>(i);
  return std::nullopt;
}

unsigned bitWidth(DType type) { return kInfo[static_cast<unsigned>(type)].bits; }

bool isFloat(DType type) { return contains(kFloats, type); }
bool isStorageFloat(DType type) { return contains(kStorageFloats, type); }

bool isSigned(DType type) {
  return contains(setOf(DType::I4, DType::I8, DType::I16, DType::I32, DType::I64), type);
}

bool isUnsigned(DType type) {
  return contains(setOf(DType::U4, DType::U8, DType::U16, DType::U32, DType::U64), type);
}

bool isValidShape(const Dims &dims) {
  if (dims.size() > kMaxRank)
    return false;
  int64_t product = 1;
  for (int64_t extent : dims) {
    if (extent < 0 || extent > kMaxExtent)
      return false;
    if (extent != 0 && extent > kMaxElements / product)
      return false;
    product *= std::max<int64_t>(extent, 1);
  }
  return true;
}

int64_t numElements(const Dims &dims) {
  int64_t product = 1;
  for (int64_t extent : dims)
    product *= extent;
  return product;
}

int64_t numBytes(DType type, const Dims &dims) {
  return (numElements(dims) * bitWidth(type) + 7) / 8;
}

Dims rowMajorStrides(const Dims &dims) {
  Dims strides(dims.size());
  int64_t stride = 1;
  for (size_t i = dims.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= dims[i];
  }
  return strides;
}

bool Layout::hasHalo() const {
  auto isPositive = [](int64_t extent) { return extent > 0; };
  return std::ranges::any_of(haloLow, isPositive) || std::ranges::any_of(haloHigh, isPositive);
}

std::string Type::str() const {
  std::string text(name(dtype));
  text += '[';
  for (size_t i = 0; i < dims.size(); ++i) {
    if (i)
      text += 'x';
    if (i < kMaxRank && (boundedAxes >> i & 1))
      text += "<=";
    text += std::to_string(dims[i]);
  }
  if (layout) {
    text += ", order=" + list(layout->order);
    if (!layout->haloLow.empty() || !layout->haloHigh.empty())
      text += ", halo=" + list(layout->haloLow) + "/" + list(layout->haloHigh);
  }
  return text + "]";
}

bool sameLogicalType(const Type &a, const Type &b) {
  return a.dtype == b.dtype && a.dims == b.dims && a.boundedAxes == b.boundedAxes;
}

} // namespace edgecc
