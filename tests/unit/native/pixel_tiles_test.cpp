// Lines of results, cut where they reach over the border.
#include "backends/native/contraction/PixelTiles.h"

#include <gtest/gtest.h>

namespace edgecc::native {
namespace {

TEST(PixelTiles, ResultsAtTheBorderAreCounted) {
  int64_t most = 0;
  for (int64_t in : {1, 5, 12})
    for (int64_t taps : {1, 3, 4})
      for (int64_t step : {1, 2, 3})
        for (int64_t tapStep : {1, 5})
          for (int64_t pad : {-2, 0, 1, 7})
            for (int64_t rows : {1, 4, 15}) {
              Window x{in, taps, step, tapStep, pad};
              int64_t count = 0;
              for (int64_t row = 0; row < rows; ++row)
                count += !insideX(x, row, 1);
              EXPECT_EQ(borderResults(x, rows), count) << in << " " << taps << " " << step << " "
                                                       << tapStep << " " << pad << " " << rows;
              most = std::max(most, count);
            }
  EXPECT_EQ(most, 15);
}

} // namespace
} // namespace edgecc::native
