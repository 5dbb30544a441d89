// Small ONNX models for tests, written as protobuf text.
#pragma once

#include "frontend/onnx/Importer.h"
#include "frontend/onnx/onnx.pb.h"

#include <google/protobuf/text_format.h>

namespace edgecc::test {

// A serialised model: opset `opset`, and `graph` as the text of its GraphProto.
inline std::string modelBytes(const std::string &graph, int64_t opset = 21,
                              const std::string &more = {}) {
  onnx::ModelProto model;
  std::string text = "ir_version: 10 opset_import { domain: '' version: " + std::to_string(opset) +
                     " } " + more + " graph { name: 'g' " + graph + " }";
  if (!google::protobuf::TextFormat::ParseFromString(text, &model))
    return {};
  return model.SerializeAsString();
}

// "input { name: 'x' ... }" of a float tensor; dims such as "2 3" or "-1".
inline std::string valueInfo(const std::string &field, const std::string &name,
                             const std::vector<int64_t> &dims, int elemType = 1) {
  std::string text = field + " { name: '" + name +
                     "' type { tensor_type { elem_type: " + std::to_string(elemType) + " shape {";
  for (int64_t dim : dims)
    text += " dim { dim_value: " + std::to_string(dim) + " }";
  return text + " } } } }\n";
}

inline std::string node(const std::string &opType, const std::vector<std::string> &inputs,
                        const std::vector<std::string> &outputs, const std::string &attributes = {},
                        const std::string &name = {}) {
  std::string text = "node { op_type: '" + opType + "'";
  for (const std::string &input : inputs)
    text += " input: '" + input + "'";
  for (const std::string &output : outputs)
    text += " output: '" + output + "'";
  if (!name.empty())
    text += " name: '" + name + "'";
  return text + " " + attributes + " }\n";
}

inline std::string ints(const std::string &name, const std::vector<int64_t> &values) {
  std::string text = "attribute { name: '" + name + "' type: INTS";
  for (int64_t value : values)
    text += " ints: " + std::to_string(value);
  return text + " }";
}

inline std::string integer(const std::string &name, int64_t value) {
  return "attribute { name: '" + name + "' type: INT i: " + std::to_string(value) + " }";
}

inline std::string text(const std::string &name, const std::string &value) {
  return "attribute { name: '" + name + "' type: STRING s: '" + value + "' }";
}

inline std::string int64Initializer(const std::string &name, const std::vector<int64_t> &values) {
  std::string text =
      "initializer { name: '" + name + "' data_type: 7 dims: " + std::to_string(values.size());
  for (int64_t value : values)
    text += " int64_data: " + std::to_string(value);
  return text + " }\n";
}

inline std::string floatInitializer(const std::string &name, const std::vector<int64_t> &dims,
                                    const std::vector<float> &values) {
  std::string text = "initializer { name: '" + name + "' data_type: 1";
  for (int64_t dim : dims)
    text += " dims: " + std::to_string(dim);
  for (float value : values)
    text += " float_data: " + std::to_string(value);
  return text + " }\n";
}

inline Expected<std::unique_ptr<Module>> importText(const std::string &graph, int64_t opset = 21,
                                                    const ImportOptions &options = {},
                                                    const std::string &more = {}) {
  auto bytes = std::make_shared<std::string>(modelBytes(graph, opset, more));
  if (bytes->empty())
    return error("the test's model text does not parse");
  return importOnnx(std::as_bytes(std::span(*bytes)), bytes, options);
}

} // namespace edgecc::test
