// Quantisation: the definitions of runtime/numerics applied to tensors.
#include "backends/reference/Convert.h"
#include "backends/reference/Kernels.h"
#include "backends/reference/Strided.h"
#include "backends/reference/Visit.h"
#include "runtime/numerics/Quantize.h"

#include <algorithm>
#include <cmath>

namespace edgecc::reference {

using namespace numerics;

namespace {

// Which scale belongs to which element.
class ScaleIndex {
public:
  ScaleIndex(const Op &op, const Dims &x, const Tensor &scale)
      : block_(op.integer("block_size")), isScalar_(block_ == 0 && scale.elements() == 1) {
    if (isScalar_)
      return;
    view_ = viewAround(x, op.integer("axis"));
    if (block_ > 0)
      blocks_ = (view_.extent + block_ - 1) / block_;
  }
  int64_t operator()(int64_t i) const {
    if (isScalar_)
      return 0;
    int64_t inner = i % view_.inner, k = i / view_.inner % view_.extent;
    if (block_ == 0)
      return k;
    int64_t outer = i / view_.inner / view_.extent;
    return (outer * blocks_ + k / block_) * view_.inner + inner;
  }

private:
  int64_t block_;
  bool isScalar_;
  AxisView view_;
  int64_t blocks_ = 0;
};

// The zero points as a tensor of T; none gives nullptr.
template <class T> const T *zeroPoints(const Call &call, Tensor &holder, DType as) {
  if (!call.has(2))
    return nullptr;
  holder = convert(call[2], as);
  return holder.data<T>().data();
}

Tensor quantizeToInteger(const Call &call, const Tensor &x, const Tensor &scale, DType to) {
  ScaleIndex index(call.op, x.dims(), scale);
  Tensor holder, y(DType::I32, x.dims());
  const int32_t *zero = zeroPoints<int32_t>(call, holder, DType::I32);
  auto range = integerRange(static_cast<int>(bitWidth(to)), isSigned(to));
  auto in = x.data<float>(), scales = scale.data<float>();
  auto out = y.mutableData<int32_t>();
  for (int64_t i = 0; i < x.elements(); ++i) {
    int64_t s = index(i);
    out[static_cast<size_t>(i)] = numerics::quantizeLinear(
        in[static_cast<size_t>(i)], scales[static_cast<size_t>(s)], zero ? zero[s] : 0, range);
  }
  return convert(y, to);
}

// 8- and 4-bit floats: their zero point is zero, and the conversion saturates by itself.
Tensor quantizeToFloat(const Call &call, const Tensor &x, const Tensor &scale, DType to) {
  ScaleIndex index(call.op, x.dims(), scale);
  Tensor y(DType::F32, x.dims());
  auto in = x.data<float>(), scales = scale.data<float>();
  auto out = y.mutableData<float>();
  for (int64_t i = 0; i < x.elements(); ++i)
    out[static_cast<size_t>(i)] =
        in[static_cast<size_t>(i)] / scales[static_cast<size_t>(index(i))];
  return convert(y, to, call.op.flag("saturate"));
}

} // namespace

Results quantizeLinear(const Call &call) {
  DType to = call.op.dtype("to");
  Tensor x = convert(call[0], DType::F32), scale = convert(call[1], DType::F32);
  return one(isInteger(to) ? quantizeToInteger(call, x, scale, to)
                           : quantizeToFloat(call, x, scale, to));
}

Results dequantizeLinear(const Call &call) {
  const Tensor &x = call[0];
  Tensor scale = convert(call[1], DType::F32), holder, y(DType::F32, x.dims());
  ScaleIndex index(call.op, x.dims(), scale);
  auto scales = scale.data<float>();
  auto out = y.mutableData<float>();
  if (isInteger(x.dtype())) {
    Tensor wide = convert(x, DType::I32);
    auto in = wide.data<int32_t>();
    const int32_t *zero = zeroPoints<int32_t>(call, holder, DType::I32);
    for (int64_t i = 0; i < x.elements(); ++i) {
      int64_t s = index(i);
      out[static_cast<size_t>(i)] = numerics::dequantizeLinear(
          in[static_cast<size_t>(i)], scales[static_cast<size_t>(s)], zero ? zero[s] : 0);
    }
  } else {
    Tensor wide = convert(x, DType::F32);
    auto in = wide.data<float>();
    for (int64_t i = 0; i < x.elements(); ++i)
      out[static_cast<size_t>(i)] =
          multiplyOnce(in[static_cast<size_t>(i)], scales[static_cast<size_t>(index(i))]);
  }
  return one(convert(y, call.op.dtype("to")));
}

Results dynamicQuantizeLinear(const Call &call) {
  const Tensor &x = call[0];
  float low = 0, high = 0;
  for (float value : x.data<float>()) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  float scale = high == low ? 1.0f : (high - low) / 255.0f;
  IntegerRange range = integerRange(8, false);
  int32_t zero = roundShiftClamp(-low / scale, 0, range.low, range.high);
  Tensor y(DType::U8, x.dims());
  auto out = y.mutableData<uint8_t>();
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<uint8_t>(numerics::quantizeLinear(x.data<float>()[i], scale, zero, range));
  std::vector<Tensor> results;
  results.push_back(std::move(y));
  results.push_back(Tensor::scalar<float>(DType::F32, scale));
  results.push_back(Tensor::scalar<uint8_t>(DType::U8, static_cast<uint8_t>(zero)));
  return results;
}

Results requantize(const Call &call) {
  const Tensor &x = call[0], &multiplier = call[1];
  const Op &op = call.op;
  auto zero = static_cast<int32_t>(op.integer("zero_point"));
  auto low = static_cast<int32_t>(op.integer("low")),
       high = static_cast<int32_t>(op.integer("high"));
  AxisView view;
  bool isPerAxis = multiplier.elements() != 1;
  if (isPerAxis)
    view = viewAround(x.dims(), op.integer("axis"));
  auto multipliers = multiplier.data<float>();
  Tensor y(DType::I32, x.dims());
  auto out = y.mutableData<int32_t>();
  visitNumber(x.dtype(), [&](auto tag) {
    auto in = x.data<decltype(tag)>();
    for (size_t i = 0; i < out.size(); ++i) {
      auto channel = isPerAxis ? static_cast<int64_t>(i) / view.inner % view.extent : 0;
      if constexpr (sizeof(tag) >= 4 && std::is_integral_v<decltype(tag)>)
        out[i] =
            numerics::requantize(in[i], multipliers[static_cast<size_t>(channel)], zero, low, high);
    }
  });
  return one(convert(y, op.dtype("to")));
}

Results tableLookup(const Call &call) {
  const Tensor &x = call[0], &table = call[1];
  Tensor y(table.dtype(), x.dims());
  unsigned bias = x.dtype() == DType::I8 ? 128 : 0;
  visitBits(table.dtype(), [&](auto tag) {
    auto entries = table.data<decltype(tag)>();
    auto out = y.mutableData<decltype(tag)>();
    auto in = x.data<uint8_t>();
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = entries[static_cast<uint8_t>(in[i] + bias)];
  });
  return one(std::move(y));
}

} // namespace edgecc::reference
