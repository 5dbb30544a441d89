// Inputs, initialisers, and the binding of symbolic dimensions.
#include "frontend/onnx/GraphImporter.h"

#include <algorithm>

namespace edgecc::importer {
namespace {

using Dimension = onnx::TensorShapeProto::Dimension;

// 0, negative values and "?" are what exporters write for "not known".
bool isFixed(const Dimension &dim) { return dim.has_dim_value() && dim.dim_value() > 0; }

std::string symbolOf(const Dimension &dim) {
  return dim.dim_param() == "?" ? std::string() : dim.dim_param();
}

std::string spell(const onnx::TensorShapeProto &shape) {
  std::string text;
  for (const Dimension &dim : shape.dim()) {
    text += text.empty() ? "" : "x";
    text += isFixed(dim)            ? std::to_string(dim.dim_value())
            : symbolOf(dim).empty() ? "?"
                                    : printable(symbolOf(dim));
  }
  return text.empty() ? "scalar" : text;
}

std::string spell(const Dims &dims) {
  std::string text;
  for (int64_t extent : dims)
    text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text.empty() ? "scalar" : text;
}

bool fits(const Dims &dims, const onnx::TensorShapeProto &shape) {
  bool fits = static_cast<size_t>(shape.dim_size()) == dims.size();
  for (int i = 0; fits && i < shape.dim_size(); ++i)
    fits = !isFixed(shape.dim(i)) || shape.dim(i).dim_value() == dims[static_cast<size_t>(i)];
  return fits;
}

const onnx::ValueInfoProto *findInput(const onnx::GraphProto &graph, const std::string &name) {
  auto found = std::ranges::find(graph.input(), name, &onnx::ValueInfoProto::name);
  return found == graph.input().end() ? nullptr : &*found;
}

bool hasSymbol(const onnx::GraphProto &graph, const std::string &symbol) {
  return std::ranges::any_of(graph.input(), [&](const onnx::ValueInfoProto &input) {
    return std::ranges::any_of(input.type().tensor_type().shape().dim(),
                               [&](const Dimension &dim) { return symbolOf(dim) == symbol; });
  });
}

std::string inputNames(const onnx::GraphProto &graph) {
  std::string names;
  for (const onnx::ValueInfoProto &input : graph.input())
    names += (names.empty() ? "its inputs are '" : "', '") + printable(input.name());
  return names.empty() ? names : names + "'";
}

// An input that becomes a constant keeps the type that the model gives it.
Expected<void> checkFrozen(const onnx::GraphProto &graph, const std::string &name,
                           const Type &type) {
  const onnx::ValueInfoProto *input = findInput(graph, name);
  if (!input)
    return error("the model has no input '" + printable(name) + "' to freeze", "",
                 inputNames(graph));
  const onnx::TypeProto::Tensor &tensor = input->type().tensor_type();
  if (dtypeFromOnnx(tensor.elem_type()) != type.dtype)
    return error("the data to freeze is " + type.str() + ", but the input holds " +
                     onnxTypeName(tensor.elem_type()),
                 printable(name));
  if (tensor.has_shape() && !fits(type.dims, tensor.shape()))
    return error("the data to freeze is " + type.str() + ", but the input is " +
                     spell(tensor.shape()),
                 printable(name));
  return {};
}

} // namespace

Expected<void> GraphImporter::addInitializers(const onnx::GraphProto &graph, Scope &scope) {
  auto add = [&](const std::string &name, Tensor content) -> Expected<void> {
    if (name.empty() || scope.values.contains(name))
      return error("two initialisers have the name '" + printable(name) + "'");
    Value *value = builder_->constant(std::move(content), name);
    value->provenance.tensor = name;
    scope.values[name] = value;
    return {};
  };
  for (const onnx::TensorProto &proto : graph.initializer()) {
    // Strings occur as class names that only unsupported nodes read, so they may stay without
    // value.
    if (!dtypeFromOnnx(proto.data_type())) {
      failed_.push_back(
          {printable(proto.name()),
           "initialiser",
           "",
           opsets_[""],
           "elements of type " + onnxTypeName(proto.data_type()) + " are not supported",
           {}});
      scope.values[proto.name()] = nullptr;
      continue;
    }
    EDGECC_TRY(content, tensorFromProto(proto, &source_, printable(proto.name())));
    EDGECC_CHECK(add(proto.name(), std::move(content)));
  }
  for (const onnx::SparseTensorProto &proto : graph.sparse_initializer()) {
    EDGECC_TRY(content, tensorFromSparse(proto, &source_, printable(proto.values().name())));
    EDGECC_CHECK(add(proto.values().name(), std::move(content)));
  }
  return {};
}

// The dims given for an input also say what its symbols mean.
Expected<void> GraphImporter::bindSymbols() {
  symbols_ = options_.symbols;
  for (const onnx::ValueInfoProto &input : model_.graph().input()) {
    auto given = options_.inputShapes.find(input.name());
    if (given == options_.inputShapes.end() || !input.type().tensor_type().has_shape())
      continue;
    const onnx::TensorShapeProto &shape = input.type().tensor_type().shape();
    const Dims &dims = given->second;
    if (!fits(dims, shape))
      return error("the shape " + spell(dims) + " does not fit the input, which is " + spell(shape),
                   printable(input.name()));
    for (int i = 0; i < shape.dim_size(); ++i) {
      std::string symbol = symbolOf(shape.dim(i));
      int64_t extent = dims[static_cast<size_t>(i)];
      if (isFixed(shape.dim(i)) || symbol.empty())
        continue;
      // An input's own shape wins over what another input says about the same symbol.
      symbols_.try_emplace(symbol, extent);
    }
  }
  for (const auto &[name, dims] : options_.inputShapes)
    if (!findInput(model_.graph(), name) && !(dims.size() == 1 && hasSymbol(model_.graph(), name)))
      return error("the model has no input" +
                       std::string(dims.size() == 1 ? " or symbolic dimension '" : " '") +
                       printable(name) + "' to give a shape to",
                   "", inputNames(model_.graph()));
  for (const auto &[name, tensor] : options_.frozenInputs)
    EDGECC_CHECK(checkFrozen(model_.graph(), name, tensor.type()));
  return {};
}

Expected<Type> GraphImporter::inputType(const onnx::ValueInfoProto &input) const {
  std::string where = printable(input.name());
  if (!input.type().has_tensor_type())
    return error("the input is not a tensor; sequences, maps and optional values are not supported",
                 where);
  const onnx::TypeProto::Tensor &tensor = input.type().tensor_type();
  auto dtype = dtypeFromOnnx(tensor.elem_type());
  if (!dtype)
    return error("inputs of type " + onnxTypeName(tensor.elem_type()) + " are not supported",
                 where);
  Type type{*dtype, {}, 0, {}};
  if (auto given = options_.inputShapes.find(input.name()); given != options_.inputShapes.end())
    type.dims = given->second;
  else if (!tensor.has_shape())
    return error("the input's rank is unknown", where, "give its shape with --shape");
  else
    for (const Dimension &dim : tensor.shape().dim()) {
      auto bound = symbols_.find(symbolOf(dim));
      if (isFixed(dim))
        type.dims.push_back(dim.dim_value());
      else if (!symbolOf(dim).empty() && bound != symbols_.end())
        type.dims.push_back(bound->second);
      else
        return error("the input is " + spell(tensor.shape()) + ", and the size of dimension " +
                         std::to_string(type.dims.size()) + " is not known",
                     where, "give the input's shape, for instance --shape " + where + "=1x...");
    }
  if (!isValidShape(type.dims))
    return error("the input's shape " + spell(type.dims) + " is not a valid one", where);
  return type;
}

Expected<void> GraphImporter::addInputs(Scope &scope) {
  EDGECC_CHECK(bindSymbols());
  Diagnostics problems;
  for (const onnx::ValueInfoProto &input : model_.graph().input()) {
    if (scope.values.contains(input.name()))
      continue; // an initialiser, listed here as old IR versions ask
    if (auto frozen = options_.frozenInputs.find(input.name());
        frozen != options_.frozenInputs.end()) {
      scope.values[input.name()] = builder_->constant(frozen->second, input.name());
      continue;
    }
    auto type = inputType(input);
    if (!type) {
      problems.push_back(type.error().front());
      continue;
    }
    Value *argument = function_->body.addArgument(std::move(*type));
    argument->provenance.tensor = input.name();
    scope.values[input.name()] = argument;
    function_->inputs.push_back({input.name(), {}});
  }
  if (!problems.empty())
    return tl::unexpected(std::move(problems));
  return {};
}

} // namespace edgecc::importer
