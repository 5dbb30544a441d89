// The published networks whose speed on the simulated devices is known, rebuilt from their
// architectures.
#pragma once

#include "ir/Module.h"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace edgecc::zoo {

struct Topology {
  std::string name;   // unique
  std::string family; // "ResNet", "YOLOv8"
  // The values of the column `model` of the published rows that it stands for, besides `name`, and
  // of which device ("Hailo-8" stands for Hailo-8L too, "Myriad X").
  struct Row {
    std::string device;
    std::string model;
    std::string input = {}; // as printed in the row, where a model appears in several sizes
  };
  std::vector<Row> rows;
  // Builds the network: f32, batch 1, NCHW, zero weights that take no memory until they are
  // written. A new module each time; any number of threads may build.
  std::function<std::unique_ptr<Module>()> build;
  std::string note = {}; // why it differs from the row, where it does
};

// All of them, in the order of their families. Thread-safe.
const std::vector<Topology> &topologies();
// Null if there is none of that name.
const Topology *findTopology(std::string_view name);
// The one that stands for a published row; `device` and `input` as the row prints them. Null if the
// row cannot be rebuilt.
const Topology *findTopology(std::string_view device, std::string_view model,
                             std::string_view input);

struct Size {
  int64_t parameters = 0; // weights and biases
  int64_t macs = 0;       // of convolutions and matrix products
  // What a transposed convolution adds when it runs as a convolution over the input with zeros
  // inserted, which is how the dataflow vendor's tables count operations.
  int64_t insertedZeroMacs = 0;
  double megaParameters() const { return static_cast<double>(parameters) / 1e6; }
  // One multiply-accumulate is two operations.
  double gigaOps() const { return 2 * static_cast<double>(macs) / 1e9; }
  double gigaOpsWithZeros() const { return 2 * static_cast<double>(macs + insertedZeroMacs) / 1e9; }
};
Size sizeOf(const Module &module);

} // namespace edgecc::zoo
