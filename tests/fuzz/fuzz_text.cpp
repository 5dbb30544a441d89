// The text parser on arbitrary bytes: an error or a valid module, whose text is canonical.
#include "ir/OpDef.h"
#include "ir/Text.h"
#include "ir/Verifier.h"

#include <cstdio>
#include <cstdlib>

using namespace edgecc;

static void require(bool condition, const char *what) {
  if (condition)
    return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto module = parse({reinterpret_cast<const char *>(data), size});
  if (!module) {
    require(!module.error().empty() && !module.error()[0].what.empty(), "an error without a text");
    return 0;
  }
  require(verify(**module).has_value(), "a parsed module is invalid");
  std::string text = print(**module);
  auto again = parse(text);
  require(again.has_value(), "printed text does not parse");
  require(print(**again) == text, "printing is not canonical");
  require(print(*clone(**again)) == text, "a clone differs");
  for (const auto &function : (*module)->functions())
    walk(function->body, [](const Op &op) {
      costOf(op);
      iterationSpace(op);
    });
  return 0;
}
