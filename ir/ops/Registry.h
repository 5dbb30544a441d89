// Where the families of op declarations come together.
#pragma once

#include "ir/OpDef.h"

namespace edgecc {

// Every declaration once, in no particular order.
std::vector<OpDef> allOpDefs();

namespace ops {
// One function a family; each appends its declarations.
void declareStructure(std::vector<OpDef> &defs);
void declareUnary(std::vector<OpDef> &defs);
void declareActivation(std::vector<OpDef> &defs);
void declareBinary(std::vector<OpDef> &defs);
void declareReduction(std::vector<OpDef> &defs);
void declareContraction(std::vector<OpDef> &defs);
void declarePooling(std::vector<OpDef> &defs);
void declareNormalization(std::vector<OpDef> &defs);
void declareMovement(std::vector<OpDef> &defs);
void declareIndexing(std::vector<OpDef> &defs);
void declareSampling(std::vector<OpDef> &defs);
void declareQuantization(std::vector<OpDef> &defs);
void declareRecurrent(std::vector<OpDef> &defs);
} // namespace ops

} // namespace edgecc
