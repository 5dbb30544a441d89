// Rewrite rules as data. A rule names the op it starts at and the equation it applies; `apply`
// returns the value that replaces the op's result, or null if the rule does not match.
//
// A rule holds for every input: where floating-point results may differ, by rounding or by the sign
// of zero, its comment says so. A rule never makes an op that another rule turns back.
#pragma once

#include "passes/Rewrite.h"

#include <span>

namespace edgecc::rules {

struct Rule {
  OpKind root;
  const char *equation;
  // The builder stands in front of the op, with its location.
  Value *(*apply)(const Op &op, Builder &builder);
};

// By family, in the order in which they are tried.
std::span<const Rule> algebra();
std::span<const Rule> shapes();
std::span<const Rule> activations();
std::span<const Rule> normalizations();

// --- for matching ---

inline constexpr double kTolerance = 1e-4; // relative, of constants that exporters round

bool isSplat(const Value *value, double number);
// Within kTolerance.
bool isNearly(const Value *value, double number);

// The other operand of a two-operand op whose one operand satisfies `isIt`, which may stand on
// either side; null if none does.
template <class Pred> Value *otherOperand(const Op &op, Pred isIt) {
  for (unsigned i = 0; i < 2; ++i)
    if (isIt(op.operand(i)))
      return op.operand(1 - i);
  return nullptr;
}

// `x` if replacing the op by it changes neither shape nor element type.
Value *unlessReshaped(const Op &op, Value *x);

// The bound of a Clip: `absent` if it has none, none if it is not constant.
std::optional<double> clipBound(const Op &clip, unsigned operand, double absent);

} // namespace edgecc::rules
