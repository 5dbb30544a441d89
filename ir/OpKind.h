// The list of all ops, as an enumeration. A room's table over it is a switch without default, so
// that a missing row does not compile.
#pragma once

#include <cstdint>

namespace edgecc {

enum class OpKind : uint16_t {
#define EDGECC_OP(Name) Name,
#include "ir/Ops.def"
};

#define EDGECC_OP(Name) +1
inline constexpr unsigned kNumOps = 0
#include "ir/Ops.def"
    ;

} // namespace edgecc
