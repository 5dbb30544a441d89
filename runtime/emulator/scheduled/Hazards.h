// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with the use of memory in a scheduled program, whatever the timing: conflicting
// accesses that nothing orders, reads of bytes that another buffer wrote or that nothing wrote,
// more live bytes than a memory has.
#pragma once

#include "runtime/emulator/scheduled/Order.h"

namespace edgecc::emulator {

Result<void> checkHazards(const ProgramT &program, const Order &order);

} // namespace edgecc::emulator
