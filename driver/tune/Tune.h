// --tune: which algorithm each convolution is fastest with, measured on this machine.
#pragma once

#include "backends/native/Native.h"
#include "driver/Console.h"

#include <filesystem>

namespace edgecc::driver {

struct Tuned {
  native::Algorithms algorithms; // by layer, for generateCode
  size_t layers = 0;             // convolutions
  size_t measured = 0;           // of them; the file knew the others
};

// `module` has been lowered for `target`, which is this machine's. What `file` knows is taken from
// it; layers that it does not know are measured on one thread, each algorithm in turn, and added to
// it. So a compile with a complete file measures nothing and its output depends on the file alone.
// The estimate's choice stays where no other is at least 3 % faster.
Expected<Tuned> tune(const Module &module, const native::NativeTarget &target,
                     const native::CodegenOptions &options, const std::filesystem::path &file,
                     Progress &progress);

} // namespace edgecc::driver
