// The time of each layer of a compiled model beside what the machine could do.
#pragma once

#include "bench/micro/LayerCosts.h"
#include "driver/NativeModel.h"

#include <vector>

namespace edgecc::bench {

// What one core can do, as measured in this process.
struct Machine {
  double floatOps; // per second; a multiply-add is two
  double byteOps;
  double bf16Ops;
  double bandwidth; // bytes per second read from memory
};

struct Layer {
  std::string what;
  double ns;          // the least of many runs
  double limitNs;     // 0 for layers that the machine's limits say nothing about
  double predictedNs; // by the cost model, 0 likewise
  enum class Kind {
    Convolution,
    Depthwise,
    Product,
    Other
  } kind; // Product: of a vector and weights
  bool isBytes;
};

// Runs the model for about `seconds` on one thread. The limit of a convolution is its
// multiply-accumulates at the machine's rate, as if it was computed directly; that of the product
// of a vector and a matrix is reading the matrix from memory.
Expected<std::vector<Layer>> measureLayers(driver::LoadedBlob &blob,
                                           const std::map<std::string, LayerCost> &costs,
                                           const Machine &machine, double seconds);

// Prints one line for each layer, then what the kinds of layers take together, and the convolutions
// that take more than 2 % of the time at less than 70 % of their limit.
void printLayers(const std::vector<Layer> &layers);

} // namespace edgecc::bench
