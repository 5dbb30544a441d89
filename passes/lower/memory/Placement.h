// Which values share a buffer, and where in it: views, operands of a Concat inside its result,
// results written straight into outputs and carried state, element-wise ops in place.
#pragma once

#include "passes/lower/memory/Timeline.h"

namespace edgecc::memory {

struct Buffer {
  Storage::Space space = Storage::Space::Arena;
  uint32_t index = 0; // which input or output
  int64_t bytes = 0;
  Interval life;               // of all values in it
  std::vector<Value *> values; // with a place in it, in any order
  int64_t offset = 0;          // in its space
};

// Where a value lies in a buffer. Bytes and elements as in Storage.
struct Place {
  size_t buffer = 0;
  int64_t offset = 0;
  Dims strides;
};

struct Plan {
  std::vector<Buffer> buffers;
  std::unordered_map<const Value *, Place> places;
  int64_t viewCount = 0, inPlaceCount = 0; // for the report
};

// The strides of a dense value in its layout.
Dims denseStrides(const Type &type);

// The strides that a value's own buffer should have: dense, but where neighbouring pixels would lie
// a multiple of 1024 bytes apart, so that a window or a tile of them would compete for a few sets
// of the first-level cache, one cache line more. Only if the op that writes it and those that read
// it take such strides at no cost.
Dims preferredStrides(const Value &value);

// Whether memory order and layout agree: the layout's outer axes have the larger strides. A stride
// of 0 fits anywhere; a negative one nowhere.
bool followsLayout(const Type &type, const Dims &strides);

// Places every value of the function but Params and what is inside Fused ops. Inserts a Reorder in
// front of a Reshape whose operand's elements do not lie one behind the other.
Plan placeValues(Module &module, Function &function);

} // namespace edgecc::memory
