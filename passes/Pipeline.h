// Which passes run, in which order.
#pragma once

#include "passes/Registry.h"

namespace edgecc {

struct PipelineOptions {
  bool lower = true; // false: stop with a module that can still be exported to ONNX
};

// The compiler's pipeline, to be read from top to bottom.
PassList buildPipeline(const Registry &registry, const PipelineOptions &options);

} // namespace edgecc
