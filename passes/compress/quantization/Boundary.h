// Integers at a quantised function's inputs and outputs.
#pragma once

#include "passes/compress/Compression.h"

namespace edgecc {

// An f32 input that is only quantised becomes its integers, and an output that is only dequantised,
// or moved after that, the integers before. A note for each says what they mean. What cannot change
// stays f32, with a note.
void makeBoundaryInteger(Module &module, Function &function, std::vector<Note> &notes);

} // namespace edgecc
