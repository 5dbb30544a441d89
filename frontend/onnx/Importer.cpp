#include "frontend/onnx/Importer.h"

#include "frontend/io/MappedFile.h"
#include "frontend/onnx/GraphImporter.h"
#include "frontend/onnx/ModelInfo.h"
#include "frontend/onnx/ProvenanceMetadata.h"
#include "frontend/onnx/WireScan.h"

#include <climits>

namespace edgecc {
namespace {

Expected<onnx::ModelProto> parseModel(std::span<const std::byte> bytes) {
  std::string text = onnx::withoutLargeTensors(bytes);
  onnx::ModelProto model;
  if (text.size() > INT_MAX || !model.ParseFromString(text) || !model.has_graph())
    return error("not an ONNX model, or a damaged one");
  return model;
}

Expected<std::unique_ptr<Module>> importModel(TensorSource source, const ImportOptions &options) {
  EDGECC_TRY(model, parseModel(source.model));
  auto module = std::make_unique<Module>();
  EDGECC_CHECK(importer::GraphImporter(model, source, options, *module).run());
  readProvenance(model, *module);
  return module;
}

// A diagnostic about a model that came from a file says which.
template <class T> Expected<T> inFile(Expected<T> result, const std::filesystem::path &path) {
  if (!result)
    for (Diagnostic &diagnostic : result.error())
      if (diagnostic.where.empty())
        diagnostic.where = path.string();
  return result;
}

ValueSummary summarize(const onnx::ValueInfoProto &value) {
  ValueSummary summary{value.name(), {}, {}};
  if (!value.type().has_tensor_type()) {
    summary.dtype = "not a tensor";
    return summary;
  }
  const onnx::TypeProto::Tensor &tensor = value.type().tensor_type();
  auto dtype = dtypeFromOnnx(tensor.elem_type());
  summary.dtype = dtype ? std::string(name(*dtype)) : onnxTypeName(tensor.elem_type());
  for (const auto &dim : tensor.shape().dim()) {
    if (dim.has_dim_value() && dim.dim_value() > 0)
      summary.dims.push_back(std::to_string(dim.dim_value()));
    else
      summary.dims.push_back(dim.dim_param().empty() ? "?" : dim.dim_param());
  }
  return summary;
}

} // namespace

Expected<std::unique_ptr<Module>> importOnnxFile(const std::filesystem::path &path,
                                                 const ImportOptions &options) {
  EDGECC_TRY(file, MappedFile::open(path));
  TensorSource source{file, file->bytes(), path.parent_path(), {}};
  if (source.folder.empty())
    source.folder = ".";
  return inFile(importModel(std::move(source), options), path);
}

Expected<std::unique_ptr<Module>> importOnnx(std::span<const std::byte> bytes,
                                             std::shared_ptr<const void> owner,
                                             const ImportOptions &options) {
  return importModel(TensorSource{std::move(owner), bytes, {}, {}}, options);
}

Expected<ModelInfo> readModelInfo(const std::filesystem::path &path) {
  EDGECC_TRY(file, MappedFile::open(path));
  auto parsed = inFile(parseModel(file->bytes()), path);
  if (!parsed)
    return tl::unexpected(parsed.error());
  const onnx::ModelProto &model = *parsed;
  ModelInfo info;
  info.irVersion = model.ir_version();
  info.producer = model.producer_name();
  if (!model.producer_version().empty())
    info.producer += " " + model.producer_version();
  for (const auto &entry : model.opset_import())
    info.opsets.emplace_back(entry.domain(), entry.version());
  std::set<std::string> initializers;
  for (const auto &tensor : model.graph().initializer())
    initializers.insert(tensor.name());
  for (const auto &tensor : model.graph().sparse_initializer())
    initializers.insert(tensor.values().name());
  for (const auto &input : model.graph().input())
    if (!initializers.contains(input.name()))
      info.inputs.push_back(summarize(input));
  for (const auto &output : model.graph().output())
    info.outputs.push_back(summarize(output));
  for (const auto &node : model.graph().node())
    ++info.nodes[node.op_type()];
  info.initializers = static_cast<int64_t>(initializers.size());
  info.functions = model.functions_size();
  return info;
}

} // namespace edgecc
