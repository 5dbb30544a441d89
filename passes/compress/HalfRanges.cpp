#include "passes/compress/HalfRanges.h"

#include "ir/OpDef.h"
#include "passes/compress/Compression.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace edgecc {

namespace {

constexpr size_t kMostSamples = 32; // of a calibration set, spread evenly
// Looked at together: a native program has so many outputs at most, and their copies take memory.
constexpr size_t kMostValues = 1024;
constexpr size_t kAssumedSamples = 2;
constexpr uint64_t kSeed = 1; // the same model gives the same notes

// Typical magnitudes where nobody says more: images as bytes, everything else as if normalised.
std::vector<Tensor> assumedInputs(const Function &function, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<Tensor> inputs;
  for (const auto &argument : function.body.arguments()) {
    Tensor tensor(argument->type.dtype, argument->type.dims);
    for (int64_t i = 0; i < tensor.elements(); ++i) {
      if (isFloat(tensor.dtype()))
        tensor.setDouble(i, uniform(random));
      else if (tensor.dtype() == DType::U8)
        tensor.setDouble(i, static_cast<double>(random() % 256));
    }
    inputs.push_back(std::move(tensor)); // other integers are indices: 0 is one
  }
  return inputs;
}

void see(const Tensor &tensor, OutOfHalf &seen) {
  for (float value : tensor.data<float>()) {
    double size = std::abs(static_cast<double>(value));
    if (!std::isfinite(size) || size == 0)
      continue; // infinite in f32, too
    seen.most = std::max(seen.most, size);
    seen.least = std::min(seen.least, size);
  }
}

bool mustNotVanish(const Value &value) {
  return std::ranges::any_of(
      value.uses(), [&](const Use &use) { return isSingularAtZero(*use.user, use.operand); });
}

} // namespace

bool losesInHalf(double value) {
  double size = std::abs(value);
  return std::isfinite(size) && (size > kLargestF16 || (size > 0 && size <= kVanishingF16));
}

bool isSingularAtZero(const Op &op, unsigned operand) {
  switch (op.kind()) {
  case OpKind::Log:
  case OpKind::Reciprocal:
    return true;
  case OpKind::Div:
    return operand == 1;
  default:
    return false;
  }
}

Expected<std::map<const Value *, OutOfHalf>>
valuesOutOfHalf(const Function &function, PassContext &context, bool &fromSamples) {
  DataSource *data = context.compression ? context.compression->data : nullptr;
  fromSamples = data && data->size() > 0;
  std::map<const Value *, OutOfHalf> out;
  bool isStatic = std::ranges::all_of(
      function.body.arguments(), [](const auto &argument) { return argument->type.isStatic(); });
  if (!context.executor || (!fromSamples && !isStatic))
    return out;
  std::vector<const Value *> wanted;
  for (const auto &op : function.body.ops())
    for (unsigned i = 0; i < op->numResults(); ++i)
      if (!op->parameter && op->result(i)->type.dtype == DType::F32)
        wanted.push_back(op->result(i));
  if (wanted.empty())
    return out;
  auto giveUp = [&](const Diagnostics &why) {
    if (context.compression)
      context.compression->notes.push_back(
          {"narrow-floats", "", "ranges were not looked at: " + str(why)});
    return out;
  };
  std::vector<OutOfHalf> seen(wanted.size(), {0, std::numeric_limits<double>::infinity()});
  size_t count = fromSamples ? std::min(data->size(), kMostSamples) : kAssumedSamples;
  for (size_t begin = 0; begin < wanted.size(); begin += kMostValues) {
    auto part = std::span(wanted).subspan(begin, std::min(kMostValues, wanted.size() - begin));
    auto session = context.executor->prepare(function, part);
    if (!session)
      return giveUp(session.error());
    for (size_t i = 0; i < count; ++i) {
      std::vector<Tensor> inputs;
      if (fromSamples) {
        EDGECC_TRY(read, data->sample(i * data->size() / count));
        inputs = std::move(read);
      } else {
        inputs = assumedInputs(function, kSeed + i);
      }
      auto values = (*session)->run(inputs);
      if (!values)
        return giveUp(values.error());
      for (size_t v = 0; v < part.size(); ++v)
        see((*values)[v], seen[begin + v]);
    }
  }
  for (size_t v = 0; v < wanted.size(); ++v)
    if (seen[v].most > kLargestF16 || (seen[v].least <= kVanishingF16 && mustNotVanish(*wanted[v])))
      out[wanted[v]] = seen[v];
  return out;
}

} // namespace edgecc
