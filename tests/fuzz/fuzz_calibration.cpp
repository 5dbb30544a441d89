// The reader of calibration tables on arbitrary bytes: a diagnostic, or a table whose ranges are
// ones that a scale can be made of, by every method that the table has the data for.
#include "passes/compress/quantization/Scales.h"

#include <cmath>
#include <cstdlib>

using namespace edgecc;

static void check(bool condition) {
  if (!condition)
    std::abort();
}

static void useRanges(const Calibration &table) {
  for (const auto &[name, o] : table.observations())
    for (size_t c = 0; c < o.seen.size(); ++c)
      for (RangeMethod method : {RangeMethod::MinMax, RangeMethod::MovingAverage,
                                 RangeMethod::Percentile, RangeMethod::Mse, RangeMethod::Entropy})
        for (bool symmetric : {false, true}) {
          if (needsHistogram(method) && o.histograms.empty())
            continue;
          Range range = o.range(method, 8, symmetric, c, table.percentile);
          check(range.low <= 0 && range.high >= 0); // false for NaN
          ValueScale scale = scaleOfRange(range, DType::U8, symmetric);
          check(std::isnormal(scale.scale) && scale.scale > 0 && scale.zeroPoint >= 0 &&
                scale.zeroPoint <= 255);
        }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto table = Calibration::parse({reinterpret_cast<const char *>(data), size}, "table");
  if (table)
    useRanges(*table);
  else
    check(!table.error().empty() && !table.error()[0].what.empty());
  return 0;
}
