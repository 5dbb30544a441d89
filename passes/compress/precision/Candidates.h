// What automatic mixed precision chooses from, and in which order.
#pragma once

#include "ir/TargetModel.h"
#include "passes/compress/Compression.h"

namespace edgecc {

// A way for a layer to compute.
struct Candidate {
  std::string name; // "float", "16", "8", "4"
  Precision precision;
};

// "4,8,16,float" in any order -> widest first: f32; i8 weights on i16 activations; i8 on u8; i4 on
// u8. Fails for other names and for an empty list.
Expected<std::vector<Candidate>> parseCandidates(const std::string &list);

// Of one layer, for each candidate.
struct LayerChoices {
  std::vector<double> noise; // that it alone adds to the outputs, as a share of their energy
  std::vector<double> time;  // by the cost model, in ns; 0 without one
  std::vector<double> bytes; // of its weights
};

std::vector<double> bytesOf(const Op &layer, const std::vector<Candidate> &candidates);
std::vector<double> timeOf(const Op &layer, const std::vector<Candidate> &candidates,
                           const TargetModel *target);

// Layer `layer` goes from one candidate to a narrower one.
struct Demotion {
  size_t layer = 0;
  size_t to = 0;
};

// All demotions from every layer's widest candidate on, in the order in which they should be made:
// the next one adds the least noise for what it saves, where
//   saving = time / all layers' widest time + bytes / all layers' widest bytes.
// Demotions that save nothing are not among them.
std::vector<Demotion> orderDemotions(const std::vector<LayerChoices> &layers);

} // namespace edgecc
