// The .npy reader on arbitrary bytes: a diagnostic, or a tensor that is written and read back as
// it was.
#include "frontend/io/Npy.h"

#include <cstdlib>

using namespace edgecc;

static void check(bool condition) {
  if (!condition)
    std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto tensor = parseNpy(std::as_bytes(std::span(data, size)), "array");
  if (!tensor) {
    check(!tensor.error().empty() && !tensor.error()[0].what.empty());
    return 0;
  }
  check(tensor->bytes() <= size);
  auto bytes = formatNpy(*tensor);
  check(bytes.has_value());
  auto again = parseNpy(*bytes, "array");
  check(again.has_value() && again->type() == tensor->type() &&
        std::equal(tensor->raw(), tensor->raw() + tensor->bytes(), again->raw()));
  return 0;
}
