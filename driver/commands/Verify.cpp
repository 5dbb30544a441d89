// edgecc verify: checks a blob's hashes, weights included, and its device program, or an ONNX or
// text IR file.
#include "driver/Arguments.h"
#include "driver/Console.h"
#include "driver/Load.h"
#include "driver/device/DeviceModel.h"
#include "edgecc/runtime.h"
#include "frontend/io/MappedFile.h"
#include "ir/Verifier.h"

#include <fmt/format.h>

namespace edgecc::driver {

static int verifyBlob(const std::string &path) {
  edgecc_error detail{};
  edgecc_status status = edgecc_verify_file(path.c_str(), &detail); // for any target
  if (status == EDGECC_OK && isDeviceBlob(path)) {
    // Beyond the hashes: whether the program is one that the emulator would run.
    auto file = MappedFile::open(path);
    if (!file)
      return report(file.error());
    auto blob = emulator::DeviceBlob::load((*file)->bytes());
    if (!blob) {
      report({{blob.error().message, path, ""}});
      return blob.error().kind == emulator::FaultKind::HostFailure ? kUserError : kDifferent;
    }
  }
  if (status == EDGECC_OK) {
    fmt::print("{}: intact\n", path);
    return kSuccess;
  }
  report({{detail.text, path, ""}});
  return status == EDGECC_ERROR_DAMAGED || status == EDGECC_ERROR_MALFORMED ? kDifferent
                                                                            : kUserError;
}

int verifyCommand(int argc, char **argv) {
  CLI::App app("Checks that a blob is intact, or that a model can be read and is well formed.",
               "edgecc verify");
  std::string file;
  std::vector<std::string> shapes;
  app.add_option("file", file, "blob, ONNX model or text IR")->type_name("FILE")->required();
  addRepeatable(app, "--shape", shapes, "NAME=DIMS",
                "NAME=1x3x224x224: binds the dims of a model's input");
  if (auto exit = parseArguments(app, argc, argv))
    return *exit;
  auto kind = detectFile(file);
  if (!kind)
    return report(kind.error());
  if (*kind == FileKind::Blob)
    return verifyBlob(file);
  LoadOptions options;
  options.shapes = shapes;
  auto module = loadModule(file, options);
  if (!module)
    return report(module.error());
  if (auto result = verify(**module); !result)
    return report(result.error());
  fmt::print("{}: well formed\n", file);
  return kSuccess;
}

} // namespace edgecc::driver
