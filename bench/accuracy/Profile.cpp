#include "bench/accuracy/Profile.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>

namespace edgecc::bench {

static std::vector<LayerTime> layersOf(const driver::RuntimeModel &model) {
  std::vector<LayerTime> layers;
  for (uint32_t i = 0; i < edgecc_model_layer_count(model.model()); ++i) {
    edgecc_layer_info info{};
    edgecc_model_layer(model.model(), i, &info, sizeof info);
    edgecc_layer_profile times{};
    edgecc_context_layer_profile(model.context(), i, &times, sizeof times);
    LayerTime &layer = layers.emplace_back();
    layer.op = info.op;
    layer.macs = info.macs;
    layer.nanoseconds = static_cast<double>(times.min_ns);
    for (uint32_t n = 0; n < info.node_count; ++n)
      layer.nodes.insert(edgecc_model_layer_node(model.model(), i, n));
  }
  return layers;
}

Expected<std::vector<std::vector<LayerTime>>>
profile(std::span<Compiled *const> models, const std::vector<Tensor> &inputs, size_t rounds) {
  for (Compiled *compiled : models) {
    for (unsigned k = 0; k < inputs.size(); ++k)
      EDGECC_CHECK(compiled->model.setInput(k, inputs[k]));
    EDGECC_CHECK(compiled->model.run()); // warm
    edgecc_context_profile(compiled->model.context(), 1);
  }
  constexpr int kRunsOfATurn = 5; // in one go, so that its own weights are in the cache
  for (size_t round = 0; round < rounds; ++round)
    for (Compiled *compiled : models)
      for (int i = 0; i < kRunsOfATurn; ++i)
        EDGECC_CHECK(compiled->model.run());
  std::vector<std::vector<LayerTime>> out;
  for (Compiled *compiled : models) {
    out.push_back(layersOf(compiled->model));
    edgecc_context_profile(compiled->model.context(), 0);
  }
  return out;
}

static double sum(const std::vector<const LayerTime *> &layers) {
  return std::accumulate(
      layers.begin(), layers.end(), 0.0,
      [](double total, const LayerTime *layer) { return total + layer->nanoseconds; });
}

double LayerPair::firstNanoseconds() const { return sum(first); }
double LayerPair::secondNanoseconds() const { return sum(second); }

std::vector<LayerPair> pairLayers(const std::vector<LayerTime> &first,
                                  const std::vector<LayerTime> &second) {
  std::vector<size_t> parent(first.size() + second.size());
  std::iota(parent.begin(), parent.end(), size_t{0});
  std::function<size_t(size_t)> root = [&](size_t i) {
    return parent[i] == i ? i : parent[i] = root(parent[i]);
  };
  std::map<std::string, size_t> owner; // of a node
  auto at = [&](size_t i) -> const LayerTime & {
    return i < first.size() ? first[i] : second[i - first.size()];
  };
  for (size_t i = 0; i < parent.size(); ++i)
    for (const std::string &node : at(i).nodes) {
      auto [entry, isNew] = owner.try_emplace(node, i);
      if (!isNew)
        parent[root(i)] = root(entry->second);
    }
  std::map<size_t, LayerPair> groups;
  std::vector<size_t> order;
  for (size_t i = first.size(); i < parent.size(); ++i) {
    if (!groups.contains(root(i)))
      order.push_back(root(i));
    groups[root(i)].second.push_back(&at(i));
  }
  for (size_t i = 0; i < first.size(); ++i)
    if (auto group = groups.find(root(i)); group != groups.end())
      group->second.first.push_back(&at(i));
  std::vector<LayerPair> out;
  for (size_t key : order)
    out.push_back(std::move(groups[key]));
  return out;
}

} // namespace edgecc::bench
