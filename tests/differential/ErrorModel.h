// How far two correct executions of a graph may differ.
//
// Every value gets a bound E on |computed - exact|, the same for all elements: what its operands'
// errors become (a Lipschitz constant on the range that was observed) plus the op's own rounding.
// Two executions that are both within E of the exact result are within 2 E of each other.
#pragma once

#include "ir/Module.h"

#include <map>

namespace edgecc::test {

// What is known of a value from one execution of the graph.
struct Known {
  Tensor tensor;
  double peak = 0;  // largest magnitude
  double least = 0; // smallest magnitude
  double error = 0; // E
};

using Knowledge = std::map<const Value *, Known>;

Known knownExactly(Tensor tensor);

// Fills in the knowledge of the op's results, which have been computed as `results`. All operands
// must be known. An infinite error stands for: no bound can be given.
void learn(const Op &op, std::vector<Tensor> results, Knowledge &knowledge);

} // namespace edgecc::test
