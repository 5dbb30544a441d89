#include "frontend/onnx/Exporter.h"

#include "frontend/io/MappedFile.h"
#include "frontend/onnx/GraphWriter.h"
#include "frontend/onnx/ProvenanceMetadata.h"

#include <climits>

namespace edgecc {

// Which IR version came with an opset (ONNX's Versioning page).
static int64_t irVersionFor(int64_t opset) {
  return opset <= 22 ? 10 : opset <= 23 ? 11 : opset <= 24 ? 12 : 13;
}

Expected<std::string> exportOnnx(const Module &module) {
  const Function &function = module.main();
  onnx::ModelProto model;
  onnx::GraphProto &graph = *model.mutable_graph();
  graph.set_name(module.name.empty() ? "main" : module.name);
  exporter::ModelNames names;
  exporter::GraphWriter writer(graph, names);
  std::vector<std::string> outputs;
  for (const Port &port : function.outputs)
    outputs.push_back(names.unique(port.name));
  for (unsigned i = 0; i < function.body.numArguments(); ++i) {
    const Value *argument = function.body.argument(i);
    names.values[argument] = names.unique(function.inputs[i].name);
    writer.declare(*argument, *graph.add_input());
  }
  EDGECC_CHECK(writer.writeBlock(function.body, outputs));
  model.set_ir_version(irVersionFor(names.opset));
  model.set_producer_name("edgecc");
  writeProvenance(model, names.values);
  onnx::OperatorSetIdProto &opset = *model.add_opset_import();
  opset.set_domain("");
  opset.set_version(names.opset);
  std::string bytes;
  if (model.ByteSizeLong() > INT_MAX || !model.SerializeToString(&bytes))
    return error("the model is too large for an ONNX file (2 GiB)");
  return bytes;
}

Expected<void> exportOnnxFile(const Module &module, const std::filesystem::path &path) {
  EDGECC_TRY(bytes, exportOnnx(module));
  return writeFile(path, std::as_bytes(std::span(bytes)));
}

} // namespace edgecc
