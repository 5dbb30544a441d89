#include "driver/report/LayerTimes.h"

#include "driver/NativeModel.h"
#include "ir/OpDef.h"

#include <algorithm>
#include <chrono>

namespace edgecc::driver {

namespace {

using Clock = std::chrono::steady_clock;

double median(std::vector<double> values) {
  auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// The names that a location lists; at least one.
std::vector<std::string> nodesOf(const std::string &location) {
  std::vector<std::string> nodes;
  for (size_t at = 0; at <= location.size();) {
    size_t end = std::min(location.find(',', at), location.size());
    nodes.push_back(location.substr(at, end - at));
    at = end + 1;
  }
  return nodes;
}

class TimedModel {
public:
  static Expected<TimedModel> of(const Module &module, const std::string &cpu) {
    TimedModel out;
    walk(module.main().body, [&](const Op &op) {
      if (!op.parameter && !op.location.empty())
        out.macs_[nodesOf(op.location).front()] += static_cast<double>(costOf(op).macs);
    });
    NativeOptions options;
    if (!cpu.empty())
      options.cpu = cpu;
    EDGECC_TRY(blob, compileToBlob(clone(module), options));
    out.fileBytes_ = static_cast<int64_t>(blob.size());
    EDGECC_TRY(loaded, LoadedBlob::load(std::move(blob), 1));
    out.blob_ = std::make_unique<LoadedBlob>(std::move(loaded));
    out.layers_.resize(edgecc_model_layer_count(out.blob_->model()));
    return out;
  }

  Expected<void> run(std::span<const Tensor> inputs, bool counts) {
    edgecc_context_profile(blob_->context(), 1);
    std::vector<double> before = totals();
    auto start = Clock::now();
    EDGECC_CHECK(blob_->run(inputs));
    double spent = std::chrono::duration<double, std::nano>(Clock::now() - start).count();
    if (!counts)
      return {};
    runs_.push_back(spent);
    std::vector<double> after = totals();
    for (size_t i = 0; i < layers_.size(); ++i)
      layers_[i].push_back(after[i] >= before[i] ? after[i] - before[i] : after[i]);
    return {};
  }

  LayerTimes result() const {
    LayerTimes out;
    out.total = median(runs_);
    out.fileBytes = fileBytes_;
    out.arenaBytes = static_cast<int64_t>(edgecc_model_arena_size(blob_->model(), 1));
    for (uint32_t i = 0; i < layers_.size(); ++i) {
      edgecc_layer_info info{};
      edgecc_model_layer(blob_->model(), i, &info, sizeof info);
      std::vector<std::string> nodes;
      for (uint32_t n = 0; n < info.node_count; ++n)
        nodes.emplace_back(edgecc_model_layer_node(blob_->model(), i, n));
      share(median(layers_[i]), nodes, static_cast<double>(info.macs), out.byNode);
    }
    return out;
  }

private:
  // A kernel may name nodes of which it does no more than convert the result: where one node's
  // arithmetic is all that it does, the time is that node's.
  void share(double spent, const std::vector<std::string> &nodes, double macs,
             std::map<std::string, double> &byNode) const {
    auto does = [&](const std::string &node) { return macs > 0 && macsOf(node) == macs; };
    if (auto only = std::ranges::find_if(nodes, does); only != nodes.end()) {
      byNode[*only] += spent;
      return;
    }
    double all = 0;
    for (const std::string &node : nodes)
      all += macsOf(node);
    for (const std::string &node : nodes)
      byNode[node] +=
          spent * (all > 0 ? macsOf(node) / all : 1 / static_cast<double>(nodes.size()));
  }

  double macsOf(const std::string &node) const {
    auto found = macs_.find(node);
    return found == macs_.end() ? 0 : found->second;
  }

  std::vector<double> totals() const {
    std::vector<double> out;
    for (uint32_t i = 0; i < layers_.size(); ++i) {
      edgecc_layer_profile profile{};
      edgecc_context_layer_profile(blob_->context(), i, &profile, sizeof profile);
      out.push_back(static_cast<double>(profile.total_ns));
    }
    return out;
  }

  std::unique_ptr<LoadedBlob> blob_;
  std::map<std::string, double> macs_;      // by node
  std::vector<std::vector<double>> layers_; // of each run
  std::vector<double> runs_;
  int64_t fileBytes_ = 0;
};

} // namespace

double LayerTimes::of(const std::string &location) const {
  double sum = 0;
  for (const std::string &node : nodesOf(location))
    if (auto found = byNode.find(node); found != byNode.end())
      sum += found->second;
  return sum;
}

Expected<TimedVersions> timeVersions(const Module *before, const Module &after,
                                     std::span<const Tensor> inputs, const std::string &cpu) {
  constexpr auto kEnough = std::chrono::milliseconds(1500);
  constexpr int kMostRuns = 200, kLeastRuns = 5;
  std::vector<TimedModel> models;
  for (const Module *module : {before, &after})
    if (module) {
      EDGECC_TRY(model, TimedModel::of(*module, cpu));
      models.push_back(std::move(model));
      EDGECC_CHECK(models.back().run(inputs, false)); // warms caches
    }
  auto start = Clock::now();
  for (int i = 0; i < kMostRuns && (i < kLeastRuns || Clock::now() - start < kEnough); ++i)
    for (TimedModel &model : models)
      EDGECC_CHECK(model.run(inputs, true));
  TimedVersions out;
  if (before)
    out.before = models.front().result();
  out.after = models.back().result();
  return out;
}

} // namespace edgecc::driver
