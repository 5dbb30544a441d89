// How far the outputs of a quantised network are from the float network's.
#pragma once

#include "ir/DataSource.h"
#include "ir/Executor.h"

namespace edgecc {

// Squared error over squared value, the mean over the f32 outputs, on at most `count` samples that
// are spread over the data. What a Softmax turns into an output stands for that output. 0 if there
// is no such output. Both functions have the same outputs.
Expected<double> outputNoise(const Function &quantized, const Function &reference,
                             Executor &executor, DataSource &data, size_t count);

} // namespace edgecc
