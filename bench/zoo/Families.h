// The lists of which topologies() is made, one for each family of networks.
#pragma once

#include "bench/zoo/Zoo.h"

namespace edgecc::zoo {

std::vector<Topology> resNets();
std::vector<Topology> mobileNets();
std::vector<Topology> efficientNets();
std::vector<Topology> regNets();
std::vector<Topology> repVggs();
std::vector<Topology> squeezeNets();
std::vector<Topology> deepLabs();
std::vector<Topology> ssds();
std::vector<Topology> centerNets();
std::vector<Topology> yolo3s();
std::vector<Topology> yolo5s();
std::vector<Topology> yolo6s();
std::vector<Topology> yolo8s();
std::vector<Topology> yolo10s();
std::vector<Topology> yolo11s();
std::vector<Topology> yoloXs();
std::vector<Topology> hardNets();
std::vector<Topology> vits();
std::vector<Topology> swins();
std::vector<Topology> resNets3D();
std::vector<Topology> searchedNets();
std::vector<Topology> denseNets();
std::vector<Topology> googLeNets();
std::vector<Topology> vggs();
std::vector<Topology> shuffleNets();
std::vector<Topology> tinyNets();

} // namespace edgecc::zoo
