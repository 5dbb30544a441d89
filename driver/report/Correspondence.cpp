#include "driver/report/Correspondence.h"

#include <cmath>
#include <limits>
#include <optional>

namespace edgecc::driver {

namespace {

std::map<std::string, const Value *> lastByTensor(const Function &function) {
  std::map<std::string, const Value *> values;
  auto add = [&](const Value &value) {
    if (!value.provenance.tensor.empty() && isFloat(value.type.dtype))
      values[value.provenance.tensor] = &value;
  };
  for (const auto &argument : function.body.arguments())
    add(*argument);
  for (const auto &op : function.body.ops())
    if (!op->parameter)
      for (unsigned i = 0; i < op->numResults(); ++i)
        add(*op->result(i));
  return values;
}

int64_t originalChannel(const Provenance &p, int64_t c) {
  return p.channelMap.empty() ? c : p.channelMap[static_cast<size_t>(c)];
}

double scaleOf(const Provenance &p, int64_t c) {
  return p.scale.empty() ? 1 : p.scale[static_cast<size_t>(c)];
}

std::optional<Correspondence> pair(const std::string &tensor, const Value &a, const Value &b) {
  Correspondence out{tensor, &a, &b, 0, {}};
  const Provenance &pa = a.provenance, &pb = b.provenance;
  auto isPlain = [](const Provenance &p) { return p.channelMap.empty() && p.scale.empty(); };
  if (isPlain(pa) && isPlain(pb))
    return a.dims() == b.dims() ? std::optional(out) : std::nullopt;
  out.axis = isPlain(pa) ? pb.axis : pa.axis;
  bool sameAxis = isPlain(pa) || isPlain(pb) || pa.axis == pb.axis;
  if (!sameAxis || a.dims().size() != b.dims().size() || out.axis < 0 ||
      static_cast<size_t>(out.axis) >= a.dims().size())
    return std::nullopt;
  auto axis = static_cast<size_t>(out.axis);
  for (size_t i = 0; i < a.dims().size(); ++i)
    if (i != axis && a.dims()[i] != b.dims()[i])
      return std::nullopt;
  std::map<int64_t, int64_t> channelsOfB;
  for (int64_t c = 0; c < b.dims()[axis]; ++c)
    channelsOfB[originalChannel(pb, c)] = c;
  for (int64_t c = 0; c < a.dims()[axis]; ++c)
    if (auto found = channelsOfB.find(originalChannel(pa, c)); found != channelsOfB.end())
      out.channels.push_back({c, found->second, scaleOf(pa, c), scaleOf(pb, found->second)});
  return out.channels.empty() ? std::nullopt : std::optional(out);
}

} // namespace

std::vector<Correspondence> correspond(const Function &a, const Function &b) {
  std::vector<Correspondence> pairs;
  auto valuesOfA = lastByTensor(a), valuesOfB = lastByTensor(b);
  auto add = [&](const Value &value) {
    const std::string &tensor = value.provenance.tensor;
    auto mine = valuesOfA.find(tensor);
    auto other = valuesOfB.find(tensor);
    if (mine == valuesOfA.end() || mine->second != &value || other == valuesOfB.end())
      return;
    if (auto matched = pair(tensor, value, *other->second))
      pairs.push_back(std::move(*matched));
  };
  for (const auto &argument : a.body.arguments())
    add(*argument);
  for (const auto &op : a.body.ops())
    for (unsigned i = 0; i < op->numResults(); ++i)
      add(*op->result(i));
  return pairs;
}

void Difference::addElement(double a, double b) {
  ++elements_;
  if (!std::isfinite(a) || !std::isfinite(b)) {
    bool same = a == b || (std::isnan(a) && std::isnan(b));
    nonFinite_ += !same;
    return;
  }
  double error = a - b;
  signal_ += b * b;
  energy_ += a * a;
  product_ += a * b;
  noise_ += error * error;
  maxAbsolute_ = std::max(maxAbsolute_, std::abs(error));
  peak_ = std::max(peak_, std::abs(b));
}

void Difference::add(const Correspondence &pair, const Tensor &a, const Tensor &b) {
  if (pair.channels.empty()) {
    if (a.dtype() == DType::F32 && b.dtype() == DType::F32) {
      std::span<const float> left = a.data<float>(), right = b.data<float>();
      for (size_t i = 0; i < left.size(); ++i)
        addElement(left[i], right[i]);
      return;
    }
    for (int64_t i = 0; i < a.elements(); ++i)
      addElement(a.asDouble(i), b.asDouble(i));
    return;
  }
  auto axis = static_cast<size_t>(pair.axis);
  int64_t outer = 1, inner = 1;
  for (size_t i = 0; i < a.dims().size(); ++i)
    (i < axis ? outer : inner) *= i == axis ? 1 : a.dims()[i];
  for (int64_t o = 0; o < outer; ++o)
    for (const Correspondence::Channel &c : pair.channels)
      for (int64_t i = 0; i < inner; ++i)
        addElement(a.asDouble((o * a.dims()[axis] + c.a) * inner + i) * c.scaleA,
                   b.asDouble((o * b.dims()[axis] + c.b) * inner + i) * c.scaleB);
}

double Difference::sqnr() const {
  if (nonFinite_ > 0)
    return std::numeric_limits<double>::quiet_NaN();
  return noise_ == 0 ? std::numeric_limits<double>::infinity() : 10 * std::log10(signal_ / noise_);
}

double Difference::cosine() const {
  if (signal_ == 0 && energy_ == 0)
    return 1;
  return signal_ == 0 || energy_ == 0 ? 0 : product_ / std::sqrt(signal_ * energy_);
}

} // namespace edgecc::driver
