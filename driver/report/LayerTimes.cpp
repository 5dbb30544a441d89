#include "driver/report/LayerTimes.h"

#include "driver/ProfiledModel.h"
#include "ir/OpDef.h"

#include <algorithm>
#include <chrono>

namespace edgecc::driver {

namespace {

using Clock = std::chrono::steady_clock;

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
    out.model_ = std::make_unique<ProfiledModel>(std::move(loaded));
    return out;
  }

  Expected<void> run(std::span<const Tensor> inputs, bool counts) {
    return model_->run(inputs, counts);
  }

  LayerTimes result() const {
    LayerTimes out;
    out.total = model_->total();
    out.fileBytes = fileBytes_;
    out.arenaBytes = static_cast<int64_t>(edgecc_model_arena_size(model_->blob().model(), 1));
    for (uint32_t i = 0; i < model_->layers(); ++i) {
      edgecc_layer_info info{};
      edgecc_model_layer(model_->blob().model(), i, &info, sizeof info);
      std::vector<std::string> nodes;
      for (uint32_t n = 0; n < info.node_count; ++n)
        nodes.emplace_back(edgecc_model_layer_node(model_->blob().model(), i, n));
      share(model_->ofLayer(i), nodes, static_cast<double>(info.macs), out.byNode);
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

  std::unique_ptr<ProfiledModel> model_;
  std::map<std::string, double> macs_; // by node
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
