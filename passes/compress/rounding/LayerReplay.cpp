#include "passes/compress/rounding/LayerReplay.h"

#include "ir/Extract.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace edgecc {

namespace {

Tensor owned(const Tensor &tensor) {
  Tensor copy(tensor.dtype(), tensor.dims());
  if (tensor.bytes() > 0)
    std::memcpy(copy.mutableRaw(), tensor.raw(), tensor.bytes());
  return copy;
}

// Calls `fn(const Value &)` for what the op and its regions read.
template <class Fn> void forEachOperand(const Op &op, Fn &&fn) {
  for (const Value *operand : op.operands())
    if (operand)
      fn(*operand);
  for (unsigned i = 0; i < op.numRegions(); ++i)
    walk(op.region(i), [&](const Op &inner) {
      for (const Value *operand : inner.operands())
        if (operand)
          fn(*operand);
    });
}

size_t indexIn(const std::vector<const Value *> &values, const Value *value) {
  return static_cast<size_t>(std::ranges::find(values, value) - values.begin());
}

} // namespace

LayerReplay::LayerReplay(const Function &function, Executor &executor, DataSource &data,
                         ReplayLimits limits)
    : function_(function), executor_(executor), data_(data),
      samples_(std::min(limits.samples, data.size())), limit_(limits.bytes) {
  for (const auto &argument : function.body.arguments())
    kept_.push_back(argument.get());
}

Expected<std::vector<Tensor>> LayerReplay::inputsOf(size_t sample) {
  if (atStart_)
    return data_.sample(sample * data_.size() / samples_);
  return stored_[sample];
}

// What the ops from `cut` on read of the values before it that depend on the inputs; of a
// dequantised value its integers.
std::vector<const Value *> LayerReplay::liveAt(const Op &cut) const {
  std::set<const Value *> varying;
  for (const auto &argument : function_.body.arguments())
    varying.insert(argument.get());
  std::vector<const Value *> live;
  bool isBehind = false;
  for (const auto &op : function_.body.ops()) {
    isBehind |= op.get() == &cut;
    if (isBehind) {
      if (op->kind() == OpKind::Yield)
        break;
      forEachOperand(*op, [&](const Value &value) {
        if (!varying.contains(&value))
          return;
        const Op *source = value.definingOp();
        bool isDequantized = source && source->kind() == OpKind::DequantizeLinear &&
                             varying.contains(source->operand(0));
        const Value *keep = isDequantized ? source->operand(0) : &value;
        if (indexIn(live, keep) == live.size())
          live.push_back(keep);
      });
      continue;
    }
    bool varies = false;
    forEachOperand(*op, [&](const Value &value) { varies |= varying.contains(&value); });
    for (unsigned i = 0; varies && i < op->numResults(); ++i)
      varying.insert(op->result(i));
  }
  return live;
}

Expected<void> LayerReplay::run(std::span<const Value *const> values, const Op &cut,
                                const Visitor &visit) {
  std::vector<const Value *> live = liveAt(cut);
  size_t bytes = 0;
  for (const Value *value : live)
    bytes += static_cast<size_t>(value->type.bytes());
  const bool keeps = bytes <= limit_ / std::max<size_t>(1, samples_);

  // What has to be computed from the values that were kept.
  std::vector<const Value *> computed;
  auto want = [&](const Value *value) {
    if (indexIn(kept_, value) == kept_.size() && indexIn(computed, value) == computed.size())
      computed.push_back(value);
  };
  for (const Value *value : values)
    want(value);
  if (keeps)
    std::ranges::for_each(live, want);
  std::unique_ptr<Module> part = extractBetween(function_, kept_, computed);
  std::vector<const Value *> yields(part->main().body.yields().begin(),
                                    part->main().body.yields().end());
  EDGECC_TRY(session, executor_.prepare(part->main(), yields));

  std::vector<std::vector<Tensor>> next(keeps ? samples_ : 0);
  for (size_t s = 0; s < samples_; ++s) {
    EDGECC_TRY(inputs, inputsOf(s));
    EDGECC_TRY(results, session->run(inputs));
    auto tensorOf = [&](const Value *value) -> const Tensor & {
      size_t i = indexIn(kept_, value);
      return i < kept_.size() ? inputs[i] : results[indexIn(computed, value)];
    };
    std::vector<Tensor> wanted;
    for (const Value *value : values)
      wanted.push_back(tensorOf(value));
    visit(s, wanted);
    for (const Value *value : keeps ? live : std::vector<const Value *>())
      next[s].push_back(indexIn(kept_, value) < kept_.size() ? tensorOf(value)
                                                             : owned(tensorOf(value)));
    if (keeps && !atStart_)
      stored_[s].clear(); // so that both sets of values never exist in whole
  }
  if (keeps) {
    kept_ = std::move(live);
    stored_ = std::move(next);
    atStart_ = false;
  }
  return {};
}

} // namespace edgecc
