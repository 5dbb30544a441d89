// Writing or combining elements and slices at indices.
#include "backends/reference/Convert.h"
#include "backends/reference/Indices.h"
#include "backends/reference/Kernels.h"
#include "backends/reference/Visit.h"
#include "runtime/numerics/Functions.h"

#include <cstring>

namespace edgecc::reference {

namespace {

template <class T> T combine(const std::string &reduction, T old, T update, bool isBool) {
  if (reduction == "add")
    return isBool ? static_cast<T>(old != T(0) || update != T(0))
                  : numerics::wrappingAdd(old, update);
  if (reduction == "mul")
    return numerics::wrappingMul(old, update);
  bool isNaN = old != old;
  if (reduction == "max")
    return isNaN || old > update ? old : update;
  return isNaN || old < update ? old : update;
}

// Puts slice `i` of the updates, `length` elements, at element `offset` of y.
class Writer {
public:
  Writer(const std::string &reduction, Tensor &y, const Tensor &updates, int64_t length)
      : reduction_(reduction), y_(y), updates_(updates), length_(length), out_(y.mutableRaw()) {}

  void put(int64_t i, int64_t offset) {
    size_t bytes = bitWidth(y_.dtype()) / 8;
    const std::byte *from = updates_.raw() + static_cast<size_t>(i * length_) * bytes;
    std::byte *to = out_ + static_cast<size_t>(offset) * bytes;
    if (reduction_ == "none") {
      std::memcpy(to, from, static_cast<size_t>(length_) * bytes);
      return;
    }
    visitNumber(y_.dtype(), [&](auto tag) {
      using T = decltype(tag);
      auto *out = reinterpret_cast<T *>(to);
      const auto *in = reinterpret_cast<const T *>(from);
      for (int64_t k = 0; k < length_; ++k)
        out[k] = combine(reduction_, out[k], in[k], y_.dtype() == DType::Bool);
    });
  }

private:
  const std::string &reduction_;
  Tensor &y_;
  const Tensor &updates_;
  int64_t length_;
  std::byte *out_;
};

// The operands in a form that can be copied or combined, and back.
struct Prepared {
  Tensor y, updates;
};

Expected<Prepared> prepare(const Call &call) {
  DType dtype = call[0].dtype();
  if (isSubByte(dtype) && call.op.text("reduction") == "none")
    return Prepared{unpacked(call[0]), unpacked(call[2])};
  if (isSubByte(dtype) || isStorageFloat(dtype)) {
    if (call.op.text("reduction") != "none")
      return error(std::string(call.op.name()) + " does not combine elements of type " +
                       std::string(name(dtype)),
                   call.op.location);
    return Prepared{call[0], call[2]};
  }
  bool widens = dtype == DType::F16 || dtype == DType::BF16;
  if (widens && call.op.text("reduction") != "none")
    return Prepared{convert(call[0], DType::F32), convert(call[2], DType::F32)};
  return Prepared{call[0], call[2]};
}

Tensor finish(const Call &call, Tensor y) {
  DType dtype = call[0].dtype();
  return isSubByte(dtype) ? packed(y, dtype) : convert(y, dtype);
}

} // namespace

Results scatterElements(const Call &call) {
  const Tensor &indices = call[1];
  const Dims &x = call[0].dims();
  auto axis = static_cast<size_t>(call.op.integer("axis"));
  EDGECC_TRY(prepared, prepare(call));
  Writer writer(call.op.text("reduction"), prepared.y, prepared.updates, 1);
  Dims strides = rowMajorStrides(x), position(x.size(), 0);
  for (int64_t i = 0; i < indices.elements(); ++i) {
    EDGECC_TRY(index, checkedIndex(call.op, indices.asInt(i), x[axis]));
    int64_t offset = index * strides[axis];
    for (size_t d = 0; d < position.size(); ++d)
      offset += d == axis ? 0 : position[d] * strides[d];
    writer.put(i, offset);
    for (size_t d = position.size(); d-- > 0 && ++position[d] == indices.dims()[d];)
      position[d] = 0;
  }
  return one(finish(call, std::move(prepared.y)));
}

Results scatterNd(const Call &call) {
  const Tensor &indices = call[1];
  const Dims &x = call[0].dims();
  int64_t tuple = indices.dims().back();
  Dims strides = rowMajorStrides(x);
  int64_t tuples = numElements(Dims(indices.dims().begin(), indices.dims().end() - 1));
  int64_t length = numElements(Dims(x.begin() + tuple, x.end()));
  EDGECC_TRY(prepared, prepare(call));
  Writer writer(call.op.text("reduction"), prepared.y, prepared.updates, length);
  for (int64_t i = 0; i < tuples; ++i) {
    EDGECC_TRY(offset, tupleOffset(call.op, indices, i * tuple, tuple, x, strides, 0));
    writer.put(i, offset);
  }
  return one(finish(call, std::move(prepared.y)));
}

} // namespace edgecc::reference
