// calibrate: runs the model on samples and observes the values that are to be quantised.
#include "ir/Extract.h"
#include "passes/compress/Passes.h"
#include "passes/compress/calibration/Observer.h"
#include "passes/compress/quantization/Points.h"

#include <algorithm>

namespace edgecc {

namespace {

constexpr int64_t kMaxBins = 1 << 16;

struct Settings {
  RangeMethod method = RangeMethod::MinMax;
  ObserverOptions observer;
  size_t samples = 0;
};

Expected<Settings> settingsOf(const PassOptions &options) {
  Settings out;
  auto method = rangeMethodFromName(options.text("method"));
  if (!method)
    return error("there is no method '" + options.text("method") + "'", "calibrate",
                 "the methods are minmax, moving-average, percentile, mse and entropy");
  double percentile = options.real("percentile");
  if (!(percentile > 50 && percentile <= 100))
    return error("the percentile must be above 50 and at most 100", "calibrate");
  int64_t bins = options.integer("bins");
  if (bins != 0 && (bins < 16 || bins > kMaxBins))
    return error("the number of bins must be 16 to " + std::to_string(kMaxBins), "calibrate");
  int64_t samples = options.integer("samples");
  if (samples < 0)
    return error("the number of samples is negative", "calibrate");
  out.method = *method;
  out.observer.perChannel = options.flag("per-channel");
  out.observer.histograms = needsHistogram(*method) || options.flag("histograms");
  out.observer.bins = static_cast<unsigned>(bins ? bins : out.observer.perChannel ? 512 : 2048);
  out.samples = static_cast<size_t>(samples);
  return out;
}

// One observed value.
struct Watch {
  std::string name;
  ChannelShape shape;
  Observer observer;
};

// Channels along axis 1, however the session hands the elements out.
Watch watch(const Value &value, std::string name, bool channelsLast,
            const ObserverOptions &options) {
  const Dims &dims = value.dims();
  ChannelShape shape{1, 1, value.type.elements()};
  int axis = -1;
  if (dims.size() >= 2) {
    axis = 1;
    shape = {dims[0], dims[1], numElements(Dims(dims.begin() + 2, dims.end()))};
    if (channelsLast)
      shape = {shape.outer * shape.inner, shape.channels, 1};
  }
  ObserverOptions chosen = options;
  chosen.perChannel &= axis == 1;
  return {std::move(name), shape, Observer(axis, static_cast<size_t>(shape.channels), chosen)};
}

// The part of the model that computes the watched values. Where the target keeps channels innermost
// the copies are transposed, which moves nothing: the other way round, code would put every value
// into row-major order first.
class Watcher {
public:
  Watcher(const Function &function, std::span<Value *const> points, const PassContext &context,
          const ObserverOptions &options) {
    std::vector<const Value *> values(points.begin(), points.end());
    ValueMapping copies;
    module_ = extract(function, values, &copies);
    ValueNames names(function);
    Builder builder(*module_);
    builder.setInsertionBefore(module_->main().body.terminator());
    for (const Value *point : values) {
      bool channelsLast = point->dims().size() == 4 && point->definingOp() && context.target &&
                          context.target->prefersChannelsLast();
      Value *copy = copies.at(point);
      wanted_.push_back(channelsLast ? builder.create(OpKind::Transpose, {copy},
                                                      {{"perm", std::vector<int64_t>{0, 2, 3, 1}}})
                                     : copy);
      watches_.push_back(watch(*point, names.of(*point), channelsLast, options));
    }
  }

  Expected<void> run(PassContext &context, size_t samples) {
    EDGECC_TRY(session, context.executor->prepare(module_->main(), wanted_));
    DataSource &data = *context.compression->data;
    for (size_t i = 0; i < samples; ++i) {
      size_t index = i * data.size() / samples;
      EDGECC_TRY(inputs, data.sample(index));
      EDGECC_TRY(values, session->run(inputs));
      for (size_t v = 0; v < values.size(); ++v)
        if (!watches_[v].observer.add(values[v].data<float>(), watches_[v].shape))
          return error("sample " + std::to_string(index) + " makes '" + watches_[v].name +
                           "' NaN or infinite",
                       "calibrate", "leave the sample out, or check how inputs are preprocessed");
      if (context.progress)
        context.progress(i + 1, samples);
    }
    return {};
  }

  void store(Calibration &table) const {
    for (const Watch &each : watches_)
      table.set(each.name, each.observer.observation());
  }

private:
  std::unique_ptr<Module> module_;
  std::vector<const Value *> wanted_; // in module_, one for each watch
  std::vector<Watch> watches_;
};

Expected<Calibration> observeModel(const Module &module, PassContext &context,
                                   const std::vector<Value *> &points) {
  EDGECC_TRY(settings, settingsOf(context.options));
  DataSource *data = context.compression->data;
  if (!data || data->size() == 0 || !context.executor)
    return error("there are no samples to calibrate with", "calibrate",
                 "give a folder of samples with --calibrate");
  Watcher watcher(module.main(), points, context, settings.observer);
  size_t samples = settings.samples ? std::min(settings.samples, data->size()) : data->size();
  EDGECC_CHECK(watcher.run(context, samples));
  context.statistics.add("samples run", static_cast<int64_t>(samples));
  Calibration table;
  table.method = settings.method;
  table.percentile = context.options.real("percentile");
  watcher.store(table);
  return table;
}

// For planning without samples: time, memory and legality do not depend on ranges.
Calibration assumeRanges(const Function &function, const std::vector<Value *> &points) {
  constexpr Range kAssumed{-1, 1};
  Calibration table;
  ValueNames names(function);
  for (const Value *point : points) {
    Observation assumed;
    assumed.seen = assumed.averaged = {kAssumed};
    assumed.mean = {0};
    assumed.deviation = {1};
    assumed.samples = 1;
    table.set(names.of(*point), std::move(assumed));
  }
  return table;
}

// Fails if a point is not in the table, or without the histogram that the method needs.
Expected<void> checkComplete(const Calibration &table, const Function &function,
                             const std::vector<Value *> &points, const std::string &path) {
  ValueNames names(function);
  std::string missing;
  size_t count = 0;
  for (const Value *point : points) {
    const Observation *found = table.find(names.of(*point));
    if (found && !(needsHistogram(table.method) && found->histograms.empty()) &&
        (found->axis < 0 || (point->dims().size() >= 2 &&
                             point->dims()[1] == static_cast<int64_t>(found->seen.size()))))
      continue;
    if (++count <= 3)
      missing += (missing.empty() ? "'" : ", '") + names.of(*point) + "'";
  }
  if (count == 0)
    return {};
  return error("the calibration table does not fit the model: it lacks what is needed of " +
                   std::to_string(count) + " values (" + missing + (count > 3 ? ", ..." : "") + ")",
               path, "make the table anew with the same options");
}

} // namespace

Expected<void> calibrate(Module &module, PassContext &context) {
  if (!context.compression)
    return error("calibration needs samples", "calibrate",
                 "give a folder of samples with --calibrate");
  const Function &function = module.main();
  EDGECC_CHECK(checkFiniteWeights(function, "calibrate"));
  std::vector<Value *> points = quantizationPoints(function);
  for (const Value *point : points)
    if (!point->type.isStatic())
      return error("the extents of a value that is to be quantised depend on data",
                   point->definingOp() ? nameOfLayer(*point->definingOp()) : "",
                   "fix the extents with --shape");
  const std::string &load = context.options.text("load");
  if (!load.empty()) {
    EDGECC_TRY(table, Calibration::load(load));
    EDGECC_CHECK(checkComplete(table, function, points, load));
    context.compression->calibration = std::move(table);
  } else if (context.options.flag("assume")) {
    context.compression->calibration = assumeRanges(function, points);
  } else {
    EDGECC_TRY(table, observeModel(module, context, points));
    context.compression->calibration = std::move(table);
  }
  context.statistics.add("values calibrated", static_cast<int64_t>(points.size()));
  if (const std::string &save = context.options.text("save"); !save.empty())
    EDGECC_CHECK(context.compression->calibration.save(save));
  return {};
}

} // namespace edgecc
