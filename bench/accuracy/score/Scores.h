// What scorers make of a model's outputs.
#pragma once

#include "bench/accuracy/Workbench.h"

#include <optional>

namespace edgecc::bench {

// Of a classifier. Vectors have one entry for each scored sample.
struct ClassScores {
  std::vector<double> right;  // 100 or 0: whether the label is the largest output; empty: no labels
  std::vector<double> agrees; // 100 or 0: whether the float model's largest output is the largest
  double divergence = 0;      // mean Kullback-Leibler divergence of float from this, in nats
};

Expected<ClassScores> scoreClasses(const Task &task, const Split::Scored &scored,
                                   const Outputs &reference, const Outputs &actual);

// Mean peak signal-to-noise ratio (dB) and structural similarity against the clean pictures.
struct CleanScores {
  std::vector<double> psnr, ssim; // one for each scored sample
};

Expected<CleanScores> scoreClean(const Split::Scored &scored, const Outputs &actual);

// Of all samples together; of the output where it is worst.
struct AgreementScores {
  double sqnr = 0;              // dB: power of the reference over that of the difference
  double cosine = 0;            // of the angle between the two as vectors
  std::optional<double> equals; // share of equal elements in percent, where outputs are integers
};

Expected<AgreementScores> scoreAgreement(const Outputs &reference, const Outputs &actual);

// max |actual - reference| over max |reference|, of the output where it is worst.
Expected<double> largestError(const Outputs &reference, const Outputs &actual);

} // namespace edgecc::bench
