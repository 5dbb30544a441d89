// Ops that copy elements.
#include "backends/reference/Kernels.h"
#include "backends/reference/Mapping.h"
#include "backends/reference/Strided.h"
#include "backends/reference/Visit.h"

#include <algorithm>
#include <cstring>

namespace edgecc::reference {

Results identity(const Call &call) { return one(call[0]); }

Results reshape(const Call &call) { return one(call[0].reshaped(call.op.ints("shape"))); }

Results transpose(const Call &call) {
  const Tensor &x = call[0];
  Dims strides = rowMajorStrides(x.dims()), dims, permuted;
  for (int64_t axis : call.op.ints("perm")) {
    dims.push_back(x.dims()[static_cast<size_t>(axis)]);
    permuted.push_back(strides[static_cast<size_t>(axis)]);
  }
  return one(gatherStrided(x, 0, permuted, dims));
}

Results slice(const Call &call) {
  const Dims &sizes = call.op.ints("sizes");
  Dims strides = rowMajorStrides(call[0].dims());
  int64_t offset = 0;
  for (size_t i = 0; i < strides.size(); ++i) {
    offset += call.op.ints("starts")[i] * strides[i];
    strides[i] *= call.op.ints("steps")[i];
  }
  return one(gatherStrided(call[0], offset, strides, sizes));
}

Results concat(const Call &call) {
  int64_t axis = call.op.integer("axis");
  Dims dims = call[0].dims();
  auto at = static_cast<size_t>(axis);
  dims[at] = 0;
  for (const Tensor &x : call.operands) {
    dims[at] += x.dims()[at];
    for (size_t i = 0; i < dims.size(); ++i)
      if (i != at && x.dims()[i] != dims[i])
        return error("Concat: the operands do not agree in their extents", call.op.location);
  }
  Tensor y(call[0].dtype(), dims);
  AxisView view = viewAround(dims, axis);
  size_t elementBytes = bitWidth(y.dtype()) / 8;
  size_t rowBytes = static_cast<size_t>(view.extent * view.inner) * elementBytes, start = 0;
  std::byte *out = y.mutableRaw();
  for (const Tensor &x : call.operands) {
    size_t bytes = static_cast<size_t>(x.dims()[at] * view.inner) * elementBytes;
    for (size_t row = 0; row < static_cast<size_t>(view.outer); ++row)
      std::memcpy(out + row * rowBytes + start, x.raw() + row * bytes, bytes);
    start += bytes;
  }
  return one(std::move(y));
}

Results expand(const Call &call) {
  const Dims &dims = call.op.ints("shape");
  return one(gatherStrided(call[0], 0, broadcastStrides(call[0].dims(), dims), dims));
}

namespace {

// Which element along an axis lies at position `i` relative to the first one; -1: the fill value.
int64_t paddedSource(int64_t i, int64_t extent, const std::string &mode) {
  if (i >= 0 && i < extent)
    return i;
  if (mode == "constant")
    return -1;
  if (mode == "edge")
    return i < 0 ? 0 : extent - 1;
  if (mode == "wrap")
    return ((i % extent) + extent) % extent;
  int64_t period = std::max<int64_t>(2 * (extent - 1), 1); // reflect, without repeating the edge
  int64_t folded = ((i % period) + period) % period;
  return folded < extent ? folded : period - folded;
}

} // namespace

Results pad(const Call &call) {
  const Dims &x = call[0].dims(), &pads = call.op.ints("pads");
  std::vector<Dims> maps;
  for (size_t d = 0; d < x.size(); ++d) {
    Dims &map = maps.emplace_back();
    for (int64_t i = -pads[d]; i < x[d] + pads[x.size() + d]; ++i)
      map.push_back(paddedSource(i, x[d], call.op.text("mode")));
  }
  return one(mapAxes(call[0], maps, call.has(1) ? &call[1] : nullptr));
}

Results tile(const Call &call) {
  const Dims &x = call[0].dims();
  std::vector<Dims> maps;
  for (size_t d = 0; d < x.size(); ++d) {
    Dims &map = maps.emplace_back();
    for (int64_t i = 0; i < x[d] * call.op.ints("repeats")[d]; ++i)
      map.push_back(i % x[d]);
  }
  return one(mapAxes(call[0], maps));
}

// The result's axes are (N, C', H, by, W, bx); each mode has its own order of the channel's parts.
Results depthToSpace(const Call &call) {
  const Dims &x = call[0].dims();
  int64_t b = call.op.integer("blocksize"), c = x[1] / (b * b), area = x[2] * x[3];
  bool isDcr = call.op.text("mode") == "DCR";
  int64_t stepC = isDcr ? area : b * b * area, stepY = isDcr ? b * c * area : b * area,
          stepX = isDcr ? c * area : area;
  Tensor y = gatherStrided(call[0], 0, {x[1] * area, stepC, x[3], stepY, 1, stepX},
                           {x[0], c, x[2], b, x[3], b});
  return one(y.reshaped(call.resultDims()));
}

Results spaceToDepth(const Call &call) {
  const Dims &x = call[0].dims();
  int64_t b = call.op.integer("blocksize"), area = x[2] * x[3];
  Tensor y = gatherStrided(call[0], 0, {x[1] * area, x[3], 1, area, b * x[3], b},
                           {x[0], b, b, x[1], x[2] / b, x[3] / b});
  return one(y.reshaped(call.resultDims()));
}

Results trilu(const Call &call) {
  Tensor y = call[0];
  int64_t rows = y.dims()[y.rank() - 2], columns = y.dims()[y.rank() - 1], k = call.op.integer("k");
  bool keepsUpper = call.op.flag("upper");
  visitBits(y.dtype(), [&](auto tag) {
    auto data = y.mutableData<decltype(tag)>();
    size_t i = 0;
    while (i < data.size())
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < columns; ++c, ++i)
          if (keepsUpper ? c - r < k : c - r > k)
            data[i] = 0;
  });
  return one(std::move(y));
}

Results reverseSequence(const Call &call) {
  const Tensor &x = call[0];
  auto timeAxis = static_cast<size_t>(call.op.integer("time_axis"));
  int64_t time = x.dims()[timeAxis], batch = x.dims()[1 - timeAxis];
  int64_t inner = x.elements() == 0 ? 0 : x.elements() / (time * batch);
  size_t bytes = static_cast<size_t>(inner) * bitWidth(x.dtype()) / 8;
  Tensor y(x.dtype(), x.dims());
  std::byte *out = y.mutableRaw();
  for (int64_t b = 0; b < batch; ++b) {
    int64_t length = call[1].asInt(b);
    if (length < 0 || length > time)
      return error("ReverseSequence: length " + std::to_string(length) +
                       " is outside the time axis of extent " + std::to_string(time),
                   call.op.location);
    for (int64_t t = 0; t < time; ++t) {
      auto at = [&](int64_t step) {
        return static_cast<size_t>(timeAxis == 0 ? step * batch + b : b * time + step) * bytes;
      };
      std::memcpy(out + at(t), x.raw() + at(t < length ? length - 1 - t : t), bytes);
    }
  }
  return one(std::move(y));
}

Results oneHot(const Call &call) {
  const Tensor &indices = call[0], &values = call[1];
  int64_t depth = call.op.integer("depth");
  Dims dims = indices.dims();
  AxisView view;
  for (size_t i = 0; i < dims.size(); ++i)
    (static_cast<int64_t>(i) < call.op.integer("axis") ? view.outer : view.inner) *= dims[i];
  dims.insert(dims.begin() + call.op.integer("axis"), depth);
  Tensor y(values.dtype(), dims);
  visitBits(y.dtype(), [&](auto tag) {
    using T = decltype(tag);
    auto out = y.mutableData<T>();
    std::fill(out.begin(), out.end(), values.data<T>()[0]);
    for (int64_t i = 0; i < indices.elements(); ++i) {
      int64_t index = indices.asInt(i);
      if (index < -depth || index >= depth)
        continue; // all off
      index = index < 0 ? index + depth : index;
      int64_t outer = i / view.inner, inner = i % view.inner;
      out[static_cast<size_t>((outer * depth + index) * view.inner + inner)] = values.data<T>()[1];
    }
  });
  return one(std::move(y));
}

} // namespace edgecc::reference
