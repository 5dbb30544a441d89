// Removes channels until the model is as small as asked for, and refits what is left.
#include "ir/OpDef.h"
#include "passes/compress/Passes.h"
#include "passes/compress/pruning/Blocks.h"
#include "passes/compress/pruning/CurveCache.h"
#include "passes/compress/pruning/Refit.h"
#include "passes/compress/pruning/Select.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace edgecc {

using namespace pruning;

namespace {

struct Goal {
  Resource resource = Resource::Macs;
  double fraction = 0; // to remove
  std::string name;    // "MACs"
};

Expected<Goal> parseGoal(const std::string &text) {
  Goal goal;
  size_t colon = text.find(':');
  std::string kind = colon == std::string::npos ? "macs" : text.substr(0, colon);
  std::string number = colon == std::string::npos ? text : text.substr(colon + 1);
  const std::string hint = "give the fraction to remove: macs:0.3, params:0.3, time:0.3 or "
                           "memory:0.3";
  if (kind == "macs")
    goal = {Resource::Macs, 0, "multiply-accumulates"};
  else if (kind == "params")
    goal = {Resource::Params, 0, "parameters"};
  else if (kind == "time")
    goal = {Resource::Time, 0, "estimated time"};
  else if (kind == "memory")
    goal = {Resource::Memory, 0, "activation memory"};
  else
    return error("there is no pruning target '" + kind + "'", "prune", hint);
  auto [end, failed] = std::from_chars(number.data(), number.data() + number.size(), goal.fraction);
  if (failed != std::errc() || end != number.data() + number.size() || !(goal.fraction > 0) ||
      !(goal.fraction < 1))
    return error("'" + number + "' is not a fraction between 0 and 1", "prune", hint);
  return goal;
}

Expected<Criterion> parseCriterion(const std::string &text, bool hasData) {
  if (text == "l1")
    return Criterion::L1;
  if (text == "l2" || (text == "auto" && !hasData))
    return Criterion::L2;
  if (text == "bn-scale")
    return Criterion::BnScale;
  if (text != "activation" && text != "taylor" && text != "auto")
    return error("there is no criterion '" + text + "'", "prune",
                 "auto, l1, l2, bn-scale, activation or taylor");
  if (!hasData)
    return error("the criterion '" + text + "' needs calibration data", "prune",
                 "give samples with --calibrate, or choose l1 or l2");
  return text == "activation" ? Criterion::Activation : Criterion::Taylor;
}

std::string percent(double share) {
  return std::to_string(static_cast<int>(std::lround(100 * share))) + " %";
}

class Pruner {
public:
  Pruner(Module &module, PassContext &context, const Goal &goal, Criterion criterion)
      : module_(module), context_(context), goal_(goal), criterion_(criterion),
        original_(clone(module)), origin_(Origin::ofCopy(module.main(), original_->main())) {
    if (hasData()) {
      samples_.emplace(*context.compression->data,
                       static_cast<size_t>(context.options.integer("samples")));
      samples_->holdOut();
    }
    for (const auto &op : module.main().body.ops())
      for (unsigned i = 0; i < op->numResults(); ++i)
        before_[op->result(i)] = op->result(i)->dims();
  }

  Expected<void> run() {
    auto rounds = context_.options.integer("rounds");
    double start = cost();
    bool byBlocks = context_.options.text("granularity") == "block";
    bool refits = context_.options.flag("refit") && hasData();
    for (int64_t round = 1; round <= rounds; ++round) {
      double wanted =
          start * (1 - goal_.fraction * static_cast<double>(round) / static_cast<double>(rounds));
      EDGECC_CHECK(byBlocks ? dropTo(wanted, start) : shrinkTo(wanted, start));
      if (refits && round < rounds)
        EDGECC_CHECK(refitAll(1));
    }
    if (refits)
      EDGECC_CHECK(refitAll(static_cast<unsigned>(context_.options.integer("sweeps"))));
    report(start);
    return {};
  }

private:
  bool hasData() const {
    return context_.compression && context_.compression->data &&
           context_.compression->data->size() > 0 && context_.executor;
  }

  double cost() const { return Budget(module_.main(), goal_.resource, context_.target).cost(); }

  // Alignment that costs nothing on the target, unless it is given.
  int64_t alignment() const {
    int64_t align = context_.options.integer("align");
    if (align == 0)
      align =
          context_.target ? std::min<int64_t>(context_.target->channelMultiple(DType::F32), 8) : 1;
    return std::max<int64_t>(align, 1);
  }

  Expected<void> shrinkTo(double wanted, double start) {
    SelectOptions options;
    options.perLayer = context_.options.text("scope") == "layer";
    options.align = alignment();
    options.minChannels = context_.options.integer("min-channels");
    options.maxRatio = context_.options.real("max-ratio");
    while (cost() > wanted * (1 + 1e-9)) {
      DependencyGroups found = findDependencyGroups(module_, module_.main());
      note(found);
      if (criterion_ == Criterion::BnScale)
        EDGECC_CHECK(needsBatchNorms());
      EDGECC_TRY(curves, scores(found.groups));
      std::vector<int64_t> originals;
      for (const DependencyGroup &group : found.groups) {
        const SlicedAxis &axis = group.axes.back();
        double grown = static_cast<double>(origin_.values.at(axis.value)->dims()[axis.axis]) /
                       static_cast<double>(axis.value->dims()[axis.axis]);
        originals.push_back(std::lround(grown * static_cast<double>(group.channels.size())));
      }
      Budget budget(module_.main(), goal_.resource, context_.target);
      auto selections = selectChannels(budget, found.groups, curves, originals, wanted, options);
      if (selections.empty())
        return error("prune cannot remove " + percent(goal_.fraction) + " of the " + goal_.name +
                         ": " + percent(1 - cost() / start) + " is as far as it gets",
                     "prune", "lower the target, raise max-ratio or lower align and min-channels");
      EDGECC_CHECK(removeChannels(module_.main(), selections, &origin_));
      for (const ChannelSelection &selection : selections)
        context_.statistics.add("channels removed",
                                static_cast<int64_t>(selection.channels.size()));
    }
    return {};
  }

  Expected<std::vector<Curve>> scores(std::span<const DependencyGroup> groups) {
    CurveCache *cache = context_.compression ? context_.compression->pruningCurves.get() : nullptr;
    uint64_t key = 0;
    if (cache) {
      key = CurveCache::keyOf(module_.main(), criterion_, samples_ ? samples_->size() : 0);
      if (const std::vector<Curve> *found = cache->find(key))
        return *found;
    }
    EDGECC_TRY(curves, scoreChannels(module_.main(), groups, criterion_, context_.executor,
                                     samples_ ? &*samples_ : nullptr, context_.progress));
    if (cache)
      cache->keep(key, curves);
    return std::move(curves);
  }

  // The same with whole residual blocks.
  Expected<void> dropTo(double wanted, double start) {
    std::vector<ResidualBlock> blocks = findResidualBlocks(module_.main());
    EDGECC_CHECK(
        scoreBlocks(module_.main(), blocks, *context_.executor, *samples_, context_.progress));
    for (ResidualBlock &block : blocks) {
      double gain = 0;
      for (const Op *op : block.ops)
        gain += Budget::costOfOp(*op, goal_.resource, context_.target);
      block.loss /= std::max(gain, 1e-9);
    }
    std::ranges::stable_sort(blocks, {}, &ResidualBlock::loss);
    for (size_t next = 0; cost() > wanted * (1 + 1e-9); ++next) {
      if (next == blocks.size())
        return error("prune cannot remove " + percent(goal_.fraction) + " of the " + goal_.name +
                         ": without any residual block " + percent(1 - cost() / start) + " is gone",
                     "prune", "lower the target, or use granularity=filter");
      if (context_.compression)
        context_.compression->notes.push_back(
            {"prune", nameOfLayer(*blocks[next].add), "The residual block was removed."});
      removeBlock(blocks[next], origin_);
      context_.statistics.add("residual blocks removed");
    }
    return {};
  }

  Expected<void> needsBatchNorms() const {
    for (const auto &op : module_.main().body.ops())
      if (op->kind() == OpKind::BatchNormalization)
        return {};
    return error("the criterion 'bn-scale' needs batch norms, and the model has none (any more)",
                 "prune", "prune before fold-batch-norm, or choose another criterion");
  }

  Expected<void> refitAll(unsigned sweeps) {
    RefitOptions options;
    options.ridge = context_.options.real("ridge");
    for (unsigned sweep = 0; sweep < sweeps; ++sweep) {
      EDGECC_TRY(result, refit(module_, module_.main(), original_->main(), origin_,
                               *context_.executor, *samples_, options, context_.progress));
      fitted_ = std::move(result);
    }
    return {};
  }

  void note(const DependencyGroups &found) {
    if (!context_.compression || isNoted_)
      return;
    isNoted_ = true;
    for (const Unprunable &layer : found.unprunable)
      context_.compression->notes.push_back(
          {"prune", layer.layer, "Its channels cannot be pruned because " + layer.reason + "."});
  }

  void report(double start) {
    for (const auto &op : module_.main().body.ops()) {
      if (!op->numResults() || op->parameter || op->kind() == OpKind::Reshape)
        continue;
      const Value &value = *op->result();
      auto rows = LinearRows::of(*op);
      if (!rows || value.dims() == before_.at(&value))
        continue;
      unsigned axis = rows->outputChannelAxis();
      context_.statistics.add("layers narrowed");
      if (context_.compression)
        context_.compression->notes.push_back(
            {"prune", nameOfLayer(*op),
             std::to_string(before_.at(&value)[axis] - value.dims()[axis]) + " of " +
                 std::to_string(before_.at(&value)[axis]) + " channels were pruned."});
    }
    context_.statistics.add("percent of the " + goal_.name + " removed",
                            std::lround(100 * (1 - cost() / start)));
    if (fitted_) {
      context_.statistics.add("layers refitted", static_cast<int64_t>(fitted_->layers));
      for (const Unfitted &each : fitted_->skipped)
        context_.compression->notes.push_back(
            {"prune", each.layer, "It was not refitted because " + each.reason + "."});
      for (const std::string &layer : fitted_->kept)
        context_.compression->notes.push_back(
            {"prune", layer,
             "Its weights were not refitted, because that would not lower its error on the samples "
             "that were kept apart."});
    }
    module_.eraseUnusedParameters();
  }

  Module &module_;
  PassContext &context_;
  Goal goal_;
  Criterion criterion_;
  std::unique_ptr<Module> original_;
  Origin origin_;
  std::optional<CachedSamples> samples_;
  std::map<const Value *, Dims> before_;
  std::optional<RefitReport> fitted_;
  bool isNoted_ = false;
};

// Scores and refits read weights as f32; 16-bit ones would lose channels and get nothing back.
Expected<void> checkWeights(const Module &module) {
  for (const auto &op : module.main().body.ops())
    if (op->def().is(OpTrait::Contraction))
      if (const Tensor *w = constantOf(op->operand(1));
          w && (w->dtype() == DType::F16 || w->dtype() == DType::BF16))
        return error("layers with 16-bit floating-point weights cannot be pruned", nameOfLayer(*op),
                     "prune the f32 model, with --quantize fp16 or bf16");
  return {};
}

} // namespace

Expected<void> prune(Module &module, PassContext &context) {
  EDGECC_TRY(goal, parseGoal(context.options.text("target")));
  bool hasData = context.executor && context.compression && context.compression->data &&
                 context.compression->data->size() > 0;
  EDGECC_TRY(criterion, parseCriterion(context.options.text("criterion"), hasData));
  if (goal.resource == Resource::Time && !context.target)
    return error("the target 'time' needs a machine to compile for", "prune");
  const std::string &granularity = context.options.text("granularity");
  const std::string &scope = context.options.text("scope");
  if (granularity != "filter" && granularity != "block")
    return error("there is no granularity '" + granularity + "'", "prune", "filter or block");
  if (scope != "global" && scope != "layer")
    return error("there is no scope '" + scope + "'", "prune", "global or layer");
  if (granularity == "block" && (!hasData || goal.resource == Resource::Memory))
    return error("residual blocks are chosen by what they add on calibration data, to save "
                 "arithmetic, parameters or time",
                 "prune", "give samples with --calibrate, and another target than memory");
  EDGECC_CHECK(checkWeights(module));
  EDGECC_CHECK(checkFiniteWeights(module.main(), "prune"));
  return Pruner(module, context, goal, criterion).run();
}

} // namespace edgecc
