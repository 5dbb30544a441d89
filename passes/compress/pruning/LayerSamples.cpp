#include "passes/compress/pruning/LayerSamples.h"

#include "passes/Rewrite.h"

#include <algorithm>
#include <random>

namespace edgecc::pruning {

CachedSamples::CachedSamples(DataSource &data, size_t limit, size_t bytes)
    : data_(data), bytes_(bytes) {
  size_t count = std::min(limit, data.size());
  for (size_t i = 0; i < count; ++i)
    picked_.push_back(i * data.size() / count);
  cache_.resize(count);
}

std::vector<size_t> CachedSamples::fitted() const {
  std::vector<size_t> out;
  for (size_t i = 0; i < size(); ++i)
    if (!isHeldOut(i))
      out.push_back(i);
  return out;
}

std::vector<size_t> CachedSamples::checked() const {
  std::vector<size_t> out;
  for (size_t i = 0; i < size(); ++i)
    if (!holdsOut_ || isHeldOut(i))
      out.push_back(i);
  return out;
}

Expected<std::vector<Tensor>> CachedSamples::get(size_t i) {
  if (!cache_[i].empty())
    return cache_[i];
  EDGECC_TRY(sample, data_.sample(picked_[i]));
  size_t size = 0;
  for (const Tensor &tensor : sample) {
    size += tensor.bytes();
    if (tensor.dtype() == DType::F32 &&
        !std::ranges::all_of(tensor.data<float>(), [](float x) { return std::isfinite(x); }))
      return error("calibration sample " + std::to_string(picked_[i]) + " holds NaN or infinity",
                   "--calibrate", "leave the sample out, or check how inputs are preprocessed");
  }
  if (size <= bytes_) {
    bytes_ -= size;
    cache_[i] = sample;
  }
  return std::move(sample);
}

std::vector<int64_t> choosePlaces(int64_t places, int64_t count, size_t sample, size_t layer) {
  std::vector<int64_t> chosen;
  if (count >= places) {
    for (int64_t i = 0; i < places; ++i)
      chosen.push_back(i);
    return chosen;
  }
  std::mt19937_64 random(sample * 1000003 + layer);
  for (int64_t i = 0; i < count; ++i) // one in each of `count` equal parts
    chosen.push_back((i * places + static_cast<int64_t>(random() % static_cast<uint64_t>(places))) /
                     count);
  return chosen;
}

std::map<const Op *, size_t> orderOf(const Function &function) {
  std::map<const Op *, size_t> order;
  for (const auto &op : function.body.ops())
    order.emplace(op.get(), order.size());
  return order;
}

Join joinOf(const LinearRows &layer, const std::map<const Op *, size_t> &order) {
  Join join;
  join.sum = &layer.output();
  size_t at = order.at(&layer.op());
  while (join.sum->hasOneUse() && join.sum->uses()[0].user->kind() == OpKind::Add) {
    Op *add = join.sum->uses()[0].user;
    Value *skip = add->operand(add->operand(0) == join.sum ? 1 : 0);
    const Op *maker = skip->definingOp();
    bool isEarlier = !maker || (order.contains(maker) && order.at(maker) < at);
    if (constantOf(skip) || !isEarlier || skip->type != join.sum->type ||
        add->result()->type != join.sum->type)
      break;
    join.skips.push_back(skip);
    join.sum = add->result();
  }
  if (onlyUser(join.sum, OpKind::Relu)) {
    join.low = 0;
  } else if (const Op *clip = onlyUser(join.sum, OpKind::Clip)) {
    auto bound = [&](unsigned i, double none) {
      return clip->operand(i) ? splatOf(clip->operand(i)).value_or(none) : none;
    };
    join.low = bound(1, -INFINITY);
    join.high = bound(2, INFINITY);
  }
  return join;
}

} // namespace edgecc::pruning
