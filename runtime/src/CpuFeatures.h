// SPDX-License-Identifier: Apache-2.0
//
// What this CPU can do, in LLVM's feature names, so that code that needs more is refused instead of
// ending in an illegal instruction.
#pragma once

#include "runtime/blob/metadata_generated.h"

namespace edgecc::runtime {

/// Architecture that this library was compiled for.
blob::Arch hostArch();

/// "x86-64", "AArch64", "RISC-V 64" or "unknown".
const char *archName(blob::Arch arch);

/// Whether the CPU has the feature and the operating system saves the registers that it uses. A
/// name that is not known counts as absent.
bool cpuHasFeature(const char *llvmName);

} // namespace edgecc::runtime
