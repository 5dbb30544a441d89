// Which ops commute with scaling or shifting the channels of an operand.
#pragma once

#include "passes/channels/ChannelClasses.h"

namespace edgecc {

enum class Commutes : uint8_t {
  Never,
  Positively, // f(x / s) = f(x) / s for s > 0
  Always,     // for any s != 0; for shifts: f(x - s) = f(x) - s
};

// For the op's data operands one by one, the others held fixed; not for layers. Whether each
// element of the result sees one channel only is for the index maps to say.
Commutes commutes(const Op &op, unsigned operand, const FlowOptions &options);

// Min, Max, Add, Sub: f(a / s, b / s) = f(a, b) / s.
bool isJoint(const Op &op);

} // namespace edgecc
