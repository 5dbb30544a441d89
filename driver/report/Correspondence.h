// Which values of two versions of a model stand for the same ONNX tensor, and how far they are from
// each other in that tensor's own units: channels that one version scaled are scaled back, channels
// that it removed are left out.
#pragma once

#include "ir/Module.h"

namespace edgecc::driver {

struct Correspondence {
  std::string tensor; // the ONNX tensor's name
  const Value *a = nullptr;
  const Value *b = nullptr;
  // Pairs of a channel of `a` and the same one of `b` along `axis`, and what each is multiplied by.
  // Empty: the values have the same channels, none of them scaled.
  int axis = 0;
  struct Channel {
    int64_t a, b;
    double scaleA, scaleB;
  };
  std::vector<Channel> channels;
};

// The floating-point values of both bodies that stand for the same tensor, in the order in which
// `a` computes them. Where several values of a version stand for one tensor (before and after
// quantisation), the last one counts. Values whose extents differ beyond the channels are left out.
std::vector<Correspondence> correspond(const Function &a, const Function &b);

// Sums over any number of pairs of tensors.
class Difference {
public:
  // `a` is what is judged, `b` what it should be.
  void add(const Correspondence &pair, const Tensor &a, const Tensor &b);

  double maxAbsolute() const { return maxAbsolute_; }
  double peak() const { return peak_; } // largest |b|
  // Of `b` over a - b in dB: infinite where they are equal, NaN where `a` is not finite.
  double sqnr() const;
  double cosine() const; // of the angle between the two as vectors; 1 where both are zero
  int64_t elements() const { return elements_; }
  int64_t nonFinite() const { return nonFinite_; } // elements where just one is finite

private:
  void addElement(double a, double b);

  double signal_ = 0, noise_ = 0, product_ = 0, energy_ = 0; // sums of b^2, (a-b)^2, ab, a^2
  double maxAbsolute_ = 0, peak_ = 0;
  int64_t elements_ = 0, nonFinite_ = 0;
};

} // namespace edgecc::driver
