// Parts of a device as devices of their own.
#pragma once

#include "backends/device/Device.h"

namespace edgecc::driver {

// What can be divided: clusters of a dataflow machine, vector units of a scheduled one.
unsigned divisibleUnits(const emulator::DeviceT &device);

// A device with `units` of them, of `total` that are given out to `models` models. A scheduled part
// has slices in proportion, one stream, and an equal part of the convolution engines and of the
// bandwidth of memories outside, which all models use at once. A dataflow part has its clusters,
// and all of the link, the host and what loads contexts: emulator::measureTogether has the models
// take turns with them.
emulator::DeviceT partOf(const emulator::DeviceT &device, unsigned units, unsigned models);

// How `total` units are given to models so that the least of their values is as large as possible;
// among equals, the largest sum. values[m][u - 1] is model m's with u units; negative: it cannot
// run. Empty if no division runs all models.
std::vector<unsigned> divide(const std::vector<std::vector<double>> &values, unsigned total);

// All ways to give 1 or more of `total` units to each model, at most `limit` of them; units are
// left over by none.
std::vector<std::vector<unsigned>> divisions(unsigned models, unsigned total, size_t limit);

} // namespace edgecc::driver
