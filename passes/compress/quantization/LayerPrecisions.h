// In which types each layer computes.
#pragma once

#include "ir/TargetModel.h"
#include "passes/compress/Compression.h"

#include <map>

namespace edgecc {

bool isIntegerActivation(DType dtype); // I8 U8 I16 U16
bool isIntegerWeight(DType dtype);     // I4 I8 I16

using PrecisionTable = std::map<std::string, Precision, std::less<>>; // by nameOfLayer()

// By contraction; those that compute in floating point on float weights have no entry.
using LayerPrecisions = std::map<const Op *, Precision>;

// What the table says for each contraction that can be quantised, and `standard` where it says
// nothing. A table that names layers that do not exist is not an error: pruning may have removed
// them.
LayerPrecisions layerPrecisions(const Function &function, const Precision &standard,
                                const PrecisionTable &table);

// Takes away the layers with integer activations that the target's cost model expects to be slower
// than in floating point, with the conversions at their borders; adds a note for each.
void dropSlowLayers(const Function &function, const TargetModel &target,
                    LayerPrecisions &precisions, std::vector<Note> &notes);

// Why a Conv, ConvTranspose, MatMul or Gemm in f32 cannot compute on integers: a sentence; empty if
// it can, and for all other ops.
std::string whyNotQuantizable(const Op &op);

// Notes for contractions that stay float for another reason than their precision, and for the other
// float ops on the ways between quantised layers. To be called before the module is quantised.
void noteFloatOps(const Function &function, const LayerPrecisions &precisions,
                  std::vector<Note> &notes);

} // namespace edgecc
