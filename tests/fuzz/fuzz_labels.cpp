// The reader of labels on arbitrary bytes: a diagnostic, or classes that are not negative, in
// order or by name.
#include "driver/data/Labels.h"

#include <algorithm>
#include <cstdlib>

using namespace edgecc;

static void check(bool condition) {
  if (!condition)
    std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto labels = driver::parseLabels({reinterpret_cast<const char *>(data), size}, "labels");
  if (!labels) {
    check(!labels.error().empty() && !labels.error()[0].what.empty());
    return 0;
  }
  check(labels->byName.empty() || labels->inOrder.empty());
  check(std::ranges::all_of(labels->inOrder, [](int label) { return label >= 0; }));
  for (const auto &[name, label] : labels->byName)
    check(label >= 0 && name.find('\t') == std::string::npos);
  return 0;
}
