// How arrays from files become samples of an input's type.
#pragma once

#include "ir/Diagnostic.h"
#include "ir/Tensor.h"

namespace edgecc::driver {

struct SampleShape {
  int64_t count = 1; // samples in the array
  Dims dims;         // of each; the input's, but for bounded axes, which may be shorter
};

// How many samples an array of these extents is: one of exactly `type` (a first axis of extent 1
// may be left out), or any number along a first axis, which takes the place of a batch of 1 or
// comes before it.
Expected<SampleShape> sampleShape(const Dims &dims, const Type &type, const std::string &source);

// Sample `part` of the array (-1: the array is one sample) as a tensor of its own. Elements become
// those of `type` where that is exact or a float: not a float where the model takes integers.
Expected<Tensor> asSample(const Tensor &array, int64_t part, const Type &type,
                          const std::string &source);

} // namespace edgecc::driver
