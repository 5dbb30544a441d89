// Picking elements and slices by index.
#include "backends/reference/Indices.h"
#include "backends/reference/Kernels.h"
#include "backends/reference/Strided.h"
#include "backends/reference/Visit.h"

#include <cstring>

namespace edgecc::reference {

Expected<int64_t> checkedIndex(const Op &op, int64_t index, int64_t extent) {
  int64_t wrapped = index < 0 ? index + extent : index;
  if (wrapped < 0 || wrapped >= extent)
    return error(std::string(op.name()) + ": index " + std::to_string(index) +
                     " is outside an axis of extent " + std::to_string(extent),
                 op.location);
  return wrapped;
}

Expected<int64_t> tupleOffset(const Op &op, const Tensor &indices, int64_t first, int64_t count,
                              const Dims &dims, const Dims &strides, size_t axis) {
  int64_t offset = 0;
  for (int64_t i = 0; i < count; ++i) {
    size_t d = axis + static_cast<size_t>(i);
    EDGECC_TRY(index, checkedIndex(op, indices.asInt(first + i), dims[d]));
    offset += index * strides[d];
  }
  return offset;
}

Results gather(const Call &call) {
  const Tensor &x = call[0], &indices = call[1];
  int64_t axis = call.op.integer("axis");
  AxisView view = viewAround(x.dims(), axis);
  Dims dims = x.dims();
  auto at = dims.erase(dims.begin() + axis);
  dims.insert(at, indices.dims().begin(), indices.dims().end());
  Tensor y(x.dtype(), dims);
  size_t bytes = static_cast<size_t>(view.inner) * bitWidth(x.dtype()) / 8;
  int64_t count = indices.elements();
  std::byte *out = y.mutableRaw();
  std::vector<int64_t> picked;
  for (int64_t i = 0; i < count; ++i) {
    EDGECC_TRY(index, checkedIndex(call.op, indices.asInt(i), view.extent));
    picked.push_back(index);
  }
  for (int64_t outer = 0; outer < view.outer; ++outer)
    for (int64_t index : picked) {
      std::memcpy(out, x.raw() + static_cast<size_t>(outer * view.extent + index) * bytes, bytes);
      out += bytes;
    }
  return one(std::move(y));
}

Results gatherElements(const Call &call) {
  const Tensor &x = call[0], &indices = call[1];
  auto axis = static_cast<size_t>(call.op.integer("axis"));
  Dims strides = rowMajorStrides(x.dims());
  Tensor y(x.dtype(), indices.dims());
  Dims position(x.rank(), 0);
  size_t bytes = bitWidth(x.dtype()) / 8;
  std::byte *out = y.mutableRaw();
  for (int64_t i = 0; i < indices.elements(); ++i) {
    EDGECC_TRY(index, checkedIndex(call.op, indices.asInt(i), x.dims()[axis]));
    int64_t offset = index * strides[axis];
    for (size_t d = 0; d < position.size(); ++d)
      offset += d == axis ? 0 : position[d] * strides[d];
    std::memcpy(out + static_cast<size_t>(i) * bytes, x.raw() + static_cast<size_t>(offset) * bytes,
                bytes);
    for (size_t d = position.size(); d-- > 0 && ++position[d] == indices.dims()[d];)
      position[d] = 0;
  }
  return one(std::move(y));
}

Results gatherNd(const Call &call) {
  const Tensor &x = call[0], &indices = call[1];
  auto batchDims = static_cast<size_t>(call.op.integer("batch_dims"));
  Dims strides = rowMajorStrides(x.dims());
  int64_t tuple = indices.dims().back();
  Dims dims(indices.dims().begin(), indices.dims().end() - 1);
  dims.insert(dims.end(), x.dims().begin() + static_cast<ptrdiff_t>(batchDims) + tuple,
              x.dims().end());
  Tensor y(x.dtype(), dims);
  if (y.elements() == 0)
    return one(std::move(y));
  int64_t batches = 1, batchSize = x.elements();
  for (size_t d = 0; d < batchDims; ++d) {
    batches *= x.dims()[d];
    batchSize /= x.dims()[d];
  }
  int64_t tuples = numElements(Dims(indices.dims().begin(), indices.dims().end() - 1));
  size_t bytes = y.bytes() / static_cast<size_t>(tuples);
  size_t elementBytes = bitWidth(x.dtype()) / 8;
  std::byte *out = y.mutableRaw();
  for (int64_t i = 0; i < tuples; ++i) {
    EDGECC_TRY(offset,
               tupleOffset(call.op, indices, i * tuple, tuple, x.dims(), strides, batchDims));
    int64_t at = i / (tuples / batches) * batchSize + offset;
    std::memcpy(out, x.raw() + static_cast<size_t>(at) * elementBytes, bytes);
    out += bytes;
  }
  return one(std::move(y));
}

} // namespace edgecc::reference
