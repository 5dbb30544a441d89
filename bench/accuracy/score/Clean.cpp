#include "bench/accuracy/score/Scores.h"

#include <algorithm>
#include <cmath>

namespace edgecc::bench {

// Structural similarity (Wang et al., 2004) with windows of 8 x 8 at steps of 4 in place of the
// Gaussian ones; L is the largest possible value.
static double ssim(std::span<const float> a, std::span<const float> b, int64_t height,
                   int64_t width, double L) {
  constexpr int64_t kSide = 8, kStep = 4;
  const double c1 = std::pow(0.01 * L, 2), c2 = std::pow(0.03 * L, 2);
  double total = 0;
  int64_t windows = 0;
  for (int64_t top = 0; top + kSide <= height; top += kStep)
    for (int64_t left = 0; left + kSide <= width; left += kStep, ++windows) {
      double sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0;
      for (int64_t y = top; y < top + kSide; ++y)
        for (int64_t x = left; x < left + kSide; ++x) {
          double u = a[static_cast<size_t>(y * width + x)],
                 v = b[static_cast<size_t>(y * width + x)];
          sa += u;
          sb += v;
          saa += u * u;
          sbb += v * v;
          sab += u * v;
        }
      constexpr double n = kSide * kSide;
      double ma = sa / n, mb = sb / n;
      double va = saa / n - ma * ma, vb = sbb / n - mb * mb, cov = sab / n - ma * mb;
      total += (2 * ma * mb + c1) * (2 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
    }
  return windows ? total / static_cast<double>(windows) : 1;
}

Expected<CleanScores> scoreClean(const Split::Scored &scored, const Outputs &actual) {
  CleanScores out;
  for (size_t i = 0; i < actual.size(); ++i) {
    EDGECC_TRY(clean, scored.clean(i));
    const Tensor &got = actual[i][0];
    if (got.dtype() != DType::F32 || got.dims() != clean.dims() || clean.rank() != 4)
      return error("the output is not a picture of the input's size: " + got.type().str());
    // gray: 0..1; raw: 0..256
    double peak = clean.dims()[1] == 1 ? 1 : 256;
    std::vector<float> values(got.data<float>().begin(), got.data<float>().end());
    auto wanted = clean.data<float>();
    double squares = 0;
    for (size_t k = 0; k < values.size(); ++k) {
      values[k] = std::clamp(values[k], 0.0f, static_cast<float>(peak));
      squares += std::pow(static_cast<double>(values[k]) - wanted[k], 2);
    }
    out.psnr.push_back(10 * std::log10(peak * peak * static_cast<double>(values.size()) / squares));
    int64_t height = clean.dims()[2], width = clean.dims()[3];
    auto plane = static_cast<size_t>(height * width);
    double similarity = 0;
    for (size_t from = 0; from < values.size(); from += plane)
      similarity += ssim(std::span(values).subspan(from, plane), wanted.subspan(from, plane),
                         height, width, peak);
    out.ssim.push_back(similarity * static_cast<double>(plane) /
                       static_cast<double>(values.size()));
  }
  return out;
}

} // namespace edgecc::bench
