#include "bench/zoo/Zoo.h"

#include "bench/zoo/Families.h"
#include "ir/OpDef.h"

#include <algorithm>
#include <iterator>

namespace edgecc::zoo {

const std::vector<Topology> &topologies() {
  static const std::vector<Topology> all = [] {
    std::vector<Topology> list;
    for (auto *family :
         {resNets,    mobileNets, regNets,     repVggs,       squeezeNets, deepLabs,     ssds,
          centerNets, yolo3s,     yolo5s,      yolo6s,        yolo8s,      yolo10s,      yolo11s,
          yoloXs,     hardNets,   vits,        swins,         resNets3D,   searchedNets, denseNets,
          googLeNets, vggs,       shuffleNets, efficientNets, tinyNets})
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
    walk(function->body, [&](const Op &op) {
      int64_t macs = costOf(op).macs, positions = 1;
      size.macs += macs;
      if (op.kind() != OpKind::ConvTranspose)
        return;
      for (int64_t stride : op.ints("strides"))
        positions *= stride;
      size.insertedZeroMacs += macs * (positions - 1);
    });
  return size;
}

} // namespace edgecc::zoo
