#include "driver/Load.h"

#include "backends/reference/ReferenceExecutor.h"
#include "driver/Options.h"
#include "driver/RuntimeModel.h"
#include "frontend/io/MappedFile.h"
#include "frontend/io/TensorPb.h"
#include "frontend/onnx/Importer.h"
#include "frontend/onnx/ModelInfo.h"
#include "ir/Text.h"
#include "runtime/blob/BlobFormat.h"

#include <cstring>
#include <fmt/format.h>

namespace edgecc::driver {

Expected<FileKind> detectFile(const std::filesystem::path &path) {
  EDGECC_TRY(file, MappedFile::open(path));
  auto bytes = file->bytes();
  if (bytes.size() >= sizeof blob::kMagic &&
      std::memcmp(bytes.data(), blob::kMagic, sizeof blob::kMagic) == 0)
    return FileKind::Blob;
  std::string_view text(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  size_t start = 0;
  // Comments and white space may come before the module.
  while (start < text.size() && (text[start] == '/' || std::isspace(text[start]) != 0)) {
    if (text[start] == '/')
      start = text.find('\n', start);
    else
      ++start;
  }
  if (start < text.size() && text.substr(start).starts_with("module"))
    return FileKind::Text;
  return FileKind::Onnx;
}

static Expected<void> bindShapes(ImportOptions &out, const std::filesystem::path &model,
                                 const LoadOptions &options) {
  for (const std::string &text : options.shapes) {
    EDGECC_TRY(shape, parseShape(text));
    out.inputShapes[shape.first] = shape.second;
    if (shape.second.size() == 1)
      out.symbols[shape.first] = shape.second[0];
  }
  if (options.shapesFrom.empty())
    return {};
  EDGECC_TRY(info, readModelInfo(model));
  EDGECC_TRY(tensors, readTestData(options.shapesFrom, "input"));
  if (tensors.size() != info.inputs.size())
    return error(
        fmt::format("the folder has {} inputs, the model {}", tensors.size(), info.inputs.size()),
        options.shapesFrom.string());
  for (size_t i = 0; i < tensors.size(); ++i)
    out.inputShapes[info.inputs[i].name] = tensors[i].tensor.dims();
  return {};
}

Expected<std::unique_ptr<Module>> loadModule(const std::filesystem::path &path,
                                             const LoadOptions &options) {
  EDGECC_TRY(kind, detectFile(path));
  if (kind == FileKind::Blob)
    return error("this is a compiled model, not one to compile", path.string(),
                 "edgecc run runs it");
  if (kind == FileKind::Text) {
    if (!options.shapes.empty() || !options.shapesFrom.empty() || !options.freeze.empty())
      return error("text IR has its shapes already", path.string(),
                   "leave out --shape, --shapes-from and --freeze");
    EDGECC_TRY(file, MappedFile::open(path));
    auto bytes = file->bytes();
    return parse({reinterpret_cast<const char *>(bytes.data()), bytes.size()}, path.string());
  }
  ReferenceExecutor folder;
  ImportOptions import;
  import.folder = &folder;
  EDGECC_CHECK(bindShapes(import, path, options));
  for (const std::string &text : options.freeze) {
    EDGECC_TRY(parts, parseAssignment(text, "--freeze"));
    EDGECC_TRY(tensor, readInput(parts.second, Type{}, {}));
    import.frozenInputs[parts.first] = std::move(tensor);
  }
  Diagnostics warnings;
  import.warnings = &warnings;
  auto module = importOnnxFile(path, import);
  for (const Diagnostic &warning : warnings)
    fmt::print(stderr, "edgecc: warning: {}\n", warning.str());
  return module;
}

} // namespace edgecc::driver
