#include "bench/zoo/Zoo.h"

#include "bench/zoo/Families.h"
#include "ir/OpDef.h"

#include <algorithm>
#include <iterator>

namespace edgecc::zoo {

const std::vector<Topology> &topologies() {
  static const std::vector<Topology> all = [] {
    std::vector<Topology> list;
    for (auto *family : {resNets, mobileNets, regNets, repVggs, squeezeNets, deepLabs, ssds,
                         centerNets, yolo3s, yolo5s, yolo6s, yolo8s, yoloXs})
      std::ranges::move(family(), std::back_inserter(list));
    return list;
  }();
  return all;
}

const Topology *findTopology(std::string_view name) {
  auto it = std::ranges::find(topologies(), name, &Topology::name);
  return it == topologies().end() ? nullptr : &*it;
}

const Topology *findTopology(std::string_view device, std::string_view model,
                             std::string_view input) {
  auto matches = [&](const Topology::Row &row) {
    return device.starts_with(row.device) && row.model == model &&
           (row.input.empty() || row.input == input);
  };
  auto it = std::ranges::find_if(topologies(), [&](const Topology &topology) {
    return std::ranges::any_of(topology.rows, matches);
  });
  return it == topologies().end() ? nullptr : &*it;
}

Size sizeOf(const Module &module) {
  Size size;
  for (const auto &parameter : module.parameters())
    if (parameter->trainable)
      size.parameters += parameter->content.elements();
  for (const auto &function : module.functions())
    walk(function->body, [&](const Op &op) { size.macs += costOf(op).macs; });
  return size;
}

} // namespace edgecc::zoo
