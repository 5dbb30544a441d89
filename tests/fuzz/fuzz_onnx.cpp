// The ONNX reader on arbitrary bytes: diagnostics, or a module that verifies.
#include "backends/reference/ReferenceExecutor.h"
#include "frontend/onnx/Exporter.h"
#include "frontend/onnx/Importer.h"
#include "ir/Verifier.h"

#include <cstdio>
#include <cstdlib>

using namespace edgecc;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto bytes = std::make_shared<std::string>(reinterpret_cast<const char *>(data), size);
  ReferenceExecutor folder;
  ImportOptions options;
  options.folder = &folder;
  options.foldLimit = 1 << 12; // keeps one run short; larger results take the same paths
  auto module = importOnnx(std::as_bytes(std::span(*bytes)), bytes, options);
  if (!module) {
    if (module.error().empty() || module.error()[0].what.empty())
      std::abort();
    return 0;
  }
  if (auto verified = verify(**module); !verified) {
    std::fprintf(stderr, "%s\n", str(verified.error()).c_str());
    std::abort();
  }
  (void)exportOnnx(**module);
  return 0;
}
