#include "ir/ops/Registry.h"

namespace edgecc {

std::vector<OpDef> allOpDefs() {
  std::vector<OpDef> defs;
  ops::declareStructure(defs);
  ops::declareUnary(defs);
  ops::declareActivation(defs);
  ops::declareBinary(defs);
  ops::declareReduction(defs);
  ops::declareContraction(defs);
  ops::declarePooling(defs);
  ops::declareNormalization(defs);
  ops::declareMovement(defs);
  ops::declareIndexing(defs);
  ops::declareSampling(defs);
  ops::declareQuantization(defs);
  ops::declareRecurrent(defs);
  return defs;
}

} // namespace edgecc
