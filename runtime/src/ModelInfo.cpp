// SPDX-License-Identifier: Apache-2.0
//
// Queries about a loaded model.
#include "runtime/src/Model.h"

#include <cstring>

#define EDGECC_STRINGIFY_(x) #x
#define EDGECC_STRINGIFY(x) EDGECC_STRINGIFY_(x)

namespace edgecc::runtime {

namespace {

using blob::Tensor;

edgecc_quantization describeQuantization(const Tensor &tensor) {
  edgecc_quantization out = {0, -1, nullptr, nullptr};
  if (const blob::Quantization *in = tensor.quantization()) {
    out.count = in->scales()->size();
    out.axis = in->axis();
    out.scales = in->scales()->data();
    out.zero_points = in->zero_points() ? in->zero_points()->data() : nullptr;
  }
  return out;
}

edgecc_preprocessing describePreprocessing(const Tensor &tensor) {
  edgecc_preprocessing out = {};
  out.layout = out.channel_order = "";
  if (const blob::Preprocessing *in = tensor.preprocessing()) {
    out.layout = blob::textOf(in->layout());
    out.channel_order = blob::textOf(in->channel_order());
    out.mean_count = in->mean() ? in->mean()->size() : 0;
    out.mean = in->mean() ? in->mean()->data() : nullptr;
    out.scale_count = in->scale() ? in->scale()->size() : 0;
    out.scale = in->scale() ? in->scale()->data() : nullptr;
    out.compiled_in = in->compiled_in();
  }
  return out;
}

edgecc_tensor_info describe(const Tensor &tensor) {
  edgecc_tensor_info info = {};
  info.name = tensor.name()->c_str();
  info.type = static_cast<edgecc_type>(tensor.type());
  info.rank = blob::rankOf(tensor);
  for (uint32_t axis = 0; axis < info.rank; ++axis)
    info.dims[axis] = tensor.dims()->Get(axis);
  info.dynamic = tensor.dynamic();
  uint64_t bytes = 0;
  blob::tensorBytes(tensor, &bytes); // was checked when the blob was parsed
  info.bytes = bytes;
  info.quantization = describeQuantization(tensor);
  info.preprocessing = describePreprocessing(tensor);
  return info;
}

/// Copies as much of a structure as the caller has room for; what the caller knows of and this
/// library does not becomes zero.
template <class Info> edgecc_status store(const Info &info, void *out, size_t size) {
  if (size > sizeof info)
    memset(static_cast<char *>(out) + sizeof info, 0, size - sizeof info);
  memcpy(out, &info, size < sizeof info ? size : sizeof info);
  return EDGECC_OK;
}

int32_t findByName(const flatbuffers::Vector<flatbuffers::Offset<Tensor>> *tensors,
                   const char *name) {
  for (uint32_t i = 0; tensors && name && i < tensors->size(); ++i)
    if (strcmp(tensors->Get(i)->name()->c_str(), name) == 0)
      return int32_t(i);
  return -1;
}

} // namespace

} // namespace edgecc::runtime

using namespace edgecc;
using namespace edgecc::runtime;

extern "C" {

const char *edgecc_version(void) { return EDGECC_STRINGIFY(EDGECC_VERSION); }

uint32_t edgecc_abi_version(void) { return EDGECC_ABI_VERSION; }

uint32_t edgecc_blob_format_version(void) { return blob::kFormatVersion; }

const char *edgecc_type_name(edgecc_type type) {
  static constexpr char kNames[][12] = {
      "invalid", "f32",  "f16",      "bf16",       "f64",    "i4",         "u4",
      "i8",      "u8",   "i16",      "u16",        "i32",    "u32",        "i64",
      "u64",     "bool", "f8e4m3fn", "f8e4m3fnuz", "f8e5m2", "f8e5m2fnuz", "f8e8m0"};
  auto index = static_cast<unsigned>(type);
  return kNames[index < sizeof kNames / sizeof kNames[0] ? index : 0];
}

uint32_t edgecc_type_bits(edgecc_type type) {
  auto index = static_cast<unsigned>(type);
  return index > EDGECC_F8E8M0 ? 0 : blob::elementBits(static_cast<blob::ElementType>(index));
}

const char *edgecc_model_name(const edgecc_model *model) {
  return blob::textOf(model->view.metadata().model_name());
}

const char *edgecc_model_producer(const edgecc_model *model) {
  return blob::textOf(model->view.metadata().producer());
}

const char *edgecc_model_target(const edgecc_model *model) {
  return blob::textOf(model->variant->triple());
}

const char *edgecc_model_cpu(const edgecc_model *model) {
  return blob::textOf(model->variant->cpu());
}

uint32_t edgecc_model_input_count(const edgecc_model *model) { return model->view.inputCount(); }

uint32_t edgecc_model_output_count(const edgecc_model *model) { return model->view.outputCount(); }

uint32_t edgecc_model_layer_count(const edgecc_model *model) { return model->layerCount(); }

edgecc_status edgecc_model_input(const edgecc_model *model, uint32_t index,
                                 edgecc_tensor_info *info, size_t info_size) {
  if (!model || !info || index >= model->view.inputCount())
    return EDGECC_ERROR_INVALID_ARGUMENT;
  return store(describe(model->view.input(index)), info, info_size);
}

edgecc_status edgecc_model_output(const edgecc_model *model, uint32_t index,
                                  edgecc_tensor_info *info, size_t info_size) {
  if (!model || !info || index >= model->view.outputCount())
    return EDGECC_ERROR_INVALID_ARGUMENT;
  return store(describe(model->view.output(index)), info, info_size);
}

edgecc_status edgecc_model_layer(const edgecc_model *model, uint32_t index, edgecc_layer_info *info,
                                 size_t info_size) {
  if (!model || !info || index >= model->layerCount())
    return EDGECC_ERROR_INVALID_ARGUMENT;
  const blob::Layer *layer = model->variant->layers()->Get(index);
  edgecc_layer_info out = {};
  out.op = blob::textOf(layer->op());
  out.node_count = layer->nodes() ? layer->nodes()->size() : 0;
  out.kind = static_cast<edgecc_layer_kind>(layer->kind());
  out.macs = layer->macs();
  out.bytes = layer->bytes();
  return store(out, info, info_size);
}

const char *edgecc_model_layer_node(const edgecc_model *model, uint32_t layer, uint32_t node) {
  if (!model || layer >= model->layerCount())
    return nullptr;
  const auto *nodes = model->variant->layers()->Get(layer)->nodes();
  return nodes && node < nodes->size() ? nodes->Get(node)->c_str() : nullptr;
}

int32_t edgecc_model_find_input(const edgecc_model *model, const char *name) {
  return findByName(model->view.metadata().inputs(), name);
}

int32_t edgecc_model_find_output(const edgecc_model *model, const char *name) {
  return findByName(model->view.metadata().outputs(), name);
}

size_t edgecc_model_weights_size(const edgecc_model *model) { return model->weightsBytes; }

size_t edgecc_model_code_size(const edgecc_model *model) { return model->codeBytes; }

size_t edgecc_model_arena_size(const edgecc_model *model, uint32_t num_threads) {
  return model->arenaBytes(num_threads > EDGECC_MAX_THREADS ? EDGECC_MAX_THREADS : num_threads);
}

} // extern "C"
