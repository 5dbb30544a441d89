// How pictures become an input, from what a module says of it.
#pragma once

#include "frontend/io/Image.h"
#include "ir/Module.h"

namespace edgecc::driver {

// From the port's preprocessing; where that is silent, from the extents of `type`: channels are the
// axis of extent 1 or 3, the first of them.
ImageOptions imageOptionsOf(const Preprocessing &preprocessing, const Type &type);

// Whether `type` is a picture of 1 or 3 channels in that layout ("NCHW", "NHWC").
bool canHoldPicture(const Type &type, std::string_view layout);

} // namespace edgecc::driver
