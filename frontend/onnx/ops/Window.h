// Attributes that convolutions and pooling share.
#pragma once

#include "frontend/onnx/ops/Emit.h"

namespace edgecc::importer {

// One entry for each spatial axis; pads holds all low sides, then all high sides.
struct Window {
  std::vector<int64_t> kernel, strides, dilations, pads;

  Attributes attributes() const {
    return {{"strides", strides}, {"dilations", dilations}, {"pads", pads}};
  }
};

// Reads strides, dilations, pads and auto_pad, and fills in their defaults. `in` holds the spatial
// extents of the operand; `kernel` those of the window.
Window readWindow(const NodeContext &n, const Dims &in, std::vector<int64_t> kernel);

// The extents after the batch and channel axes; throws if there is none.
Dims spatialDims(const NodeContext &n, const Value *x);

} // namespace edgecc::importer
