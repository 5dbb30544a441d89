// Parts of functions as modules of their own.
#pragma once

#include "ir/Builder.h"

#include <memory>

namespace edgecc {

// A module whose only function computes `outputs` of `function`: values of its body, not inside
// regions, each of them once. It takes all of the function's inputs, in order; ops that no output
// needs are left out; parameter bytes are shared. Inputs and outputs are named x0, x1, ... and y0,
// y1, ...; types and provenance are kept. `mapping`, if given, receives the copy of each value.
std::unique_ptr<Module> extract(const Function &function, std::span<const Value *const> outputs,
                                ValueMapping *mapping = nullptr);

// The same, but it takes `inputs`, values of the body, each of them once, in this order. Whatever
// else the outputs depend on must be constant.
std::unique_ptr<Module> extractBetween(const Function &function,
                                       std::span<const Value *const> inputs,
                                       std::span<const Value *const> outputs,
                                       ValueMapping *mapping = nullptr);

} // namespace edgecc
