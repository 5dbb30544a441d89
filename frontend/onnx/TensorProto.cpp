#include "frontend/onnx/TensorProto.h"

#include <array>
#include <charconv>
#include <cstring>

namespace edgecc {
namespace {

using onnx::TensorProto;

struct TypeRow {
  int32_t onnx;
  DType dtype;
};

constexpr std::array<TypeRow, kNumDTypes> kTypes = {{
    {TensorProto::FLOAT, DType::F32},
    {TensorProto::FLOAT16, DType::F16},
    {TensorProto::BFLOAT16, DType::BF16},
    {TensorProto::DOUBLE, DType::F64},
    {TensorProto::FLOAT8E4M3FN, DType::F8E4M3FN},
    {TensorProto::FLOAT8E4M3FNUZ, DType::F8E4M3FNUZ},
    {TensorProto::FLOAT8E5M2, DType::F8E5M2},
    {TensorProto::FLOAT8E5M2FNUZ, DType::F8E5M2FNUZ},
    {TensorProto::FLOAT8E8M0, DType::F8E8M0},
    {TensorProto::FLOAT4E2M1, DType::F4E2M1},
    {TensorProto::INT4, DType::I4},
    {TensorProto::UINT4, DType::U4},
    {TensorProto::INT8, DType::I8},
    {TensorProto::UINT8, DType::U8},
    {TensorProto::INT16, DType::I16},
    {TensorProto::UINT16, DType::U16},
    {TensorProto::INT32, DType::I32},
    {TensorProto::UINT32, DType::U32},
    {TensorProto::INT64, DType::I64},
    {TensorProto::UINT64, DType::U64},
    {TensorProto::BOOL, DType::Bool},
}};

// Below this, bytes are copied: a tensor of its own costs less than keeping a file mapped.
constexpr size_t kShareAbove = 4096;

// Raw little-endian bytes as a tensor, shared with `owner` where that is possible.
Tensor fromRaw(DType dtype, const Dims &dims, std::span<const std::byte> raw,
               const std::shared_ptr<const void> &owner) {
  bool aligned = reinterpret_cast<uintptr_t>(raw.data()) % std::max(bitWidth(dtype) / 8, 1u) == 0;
  if (owner && aligned && raw.size() > kShareAbove && dtype != DType::Bool)
    return Tensor(dtype, dims, owner, raw.data());
  Tensor tensor(dtype, dims);
  if (!raw.empty())
    std::memcpy(tensor.mutableRaw(), raw.data(), raw.size());
  if (dtype == DType::Bool)
    for (uint8_t &value : tensor.mutableData<uint8_t>())
      value = value != 0;
  return tensor;
}

template <class T, class Field>
Expected<Tensor> fromField(DType dtype, const Dims &dims, const Field &field,
                           const std::string &where) {
  size_t entries = static_cast<size_t>(numBytes(dtype, dims)) / sizeof(T);
  if (static_cast<size_t>(field.size()) != entries)
    return error("a tensor of type " + Type{dtype, dims, 0, {}}.str() + " comes with " +
                     std::to_string(field.size()) + " values",
                 where, "the file is damaged; export the model again");
  Tensor tensor(dtype, dims);
  std::span<T> out = tensor.mutableData<T>();
  for (size_t i = 0; i < entries; ++i)
    out[i] = static_cast<T>(field.Get(static_cast<int>(i)));
  if (dtype == DType::Bool)
    for (T &value : out)
      value = value != 0;
  return tensor;
}

Expected<Tensor> fromTypedFields(const TensorProto &proto, DType dtype, const Dims &dims,
                                 const std::string &where) {
  switch (dtype) {
  case DType::F32:
    return fromField<float>(dtype, dims, proto.float_data(), where);
  case DType::F64:
    return fromField<double>(dtype, dims, proto.double_data(), where);
  case DType::I64:
    return fromField<int64_t>(dtype, dims, proto.int64_data(), where);
  case DType::U64:
    return fromField<uint64_t>(dtype, dims, proto.uint64_data(), where);
  case DType::U32:
    return fromField<uint32_t>(dtype, dims, proto.uint64_data(), where);
  case DType::I32:
    return fromField<int32_t>(dtype, dims, proto.int32_data(), where);
  case DType::F16:
  case DType::BF16:
  case DType::I16:
  case DType::U16:
    return fromField<uint16_t>(dtype, dims, proto.int32_data(), where);
  case DType::F8E4M3FN:
  case DType::F8E4M3FNUZ:
  case DType::F8E5M2:
  case DType::F8E5M2FNUZ:
  case DType::F8E8M0:
  case DType::F4E2M1:
  case DType::I4:
  case DType::U4:
  case DType::I8:
  case DType::U8:
  case DType::Bool:
    return fromField<uint8_t>(dtype, dims, proto.int32_data(), where);
  }
  return error("unknown element type", where);
}

constexpr uint64_t kMostUses = 16; // of each byte of a file, on average

// Adds to a count unless that would pass the limit.
bool spend(uint64_t &spent, uint64_t bytes, uint64_t limit) {
  if (bytes > limit || spent > limit - bytes)
    return false;
  spent += bytes;
  return true;
}

std::optional<uint64_t> parseNumber(const std::string &text) {
  uint64_t value = 0;
  auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

Expected<std::shared_ptr<const MappedFile>>
openExternal(TensorSource &source, const std::string &location, const std::string &where) {
  if (auto it = source.files.find(location); it != source.files.end())
    return it->second;
  namespace fs = std::filesystem;
  std::error_code status;
  fs::path folder = fs::weakly_canonical(source.folder, status);
  fs::path path = fs::weakly_canonical(source.folder / location, status);
  auto relative = path.lexically_relative(folder);
  if (status || location.empty() || fs::path(location).is_absolute() || relative.empty() ||
      *relative.begin() == "..")
    return error("external data file '" + location + "' lies outside the model's folder", where,
                 "move it beside the model and write its location as a relative path");
  EDGECC_TRY(file, MappedFile::open(path));
  source.files.emplace(location, file);
  return std::shared_ptr<const MappedFile>(file);
}

Expected<Tensor> fromExternal(const TensorProto &proto, DType dtype, const Dims &dims,
                              TensorSource *source, const std::string &where) {
  if (!source || source->folder.empty())
    return error("the tensor's data lies in another file, and there is no folder to look in", where,
                 "give the model as a file, or with its data inside");
  std::string location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
  for (const auto &entry : proto.external_data()) {
    bool isOffset = entry.key() == "offset";
    if (entry.key() == "location")
      location = entry.value();
    else if (isOffset || entry.key() == "length") {
      auto number = parseNumber(entry.value());
      if (!number)
        return error("external data with " + entry.key() + " '" + entry.value() + "'", where);
      (isOffset ? offset : length.emplace()) = *number;
    }
  }
  EDGECC_TRY(file, openExternal(*source, location, where));
  auto need = static_cast<uint64_t>(numBytes(dtype, dims));
  std::span<const std::byte> bytes = file->bytes();
  if (length.value_or(need) != need || offset > bytes.size() || need > bytes.size() - offset)
    return error("external data file '" + location + "' does not hold the " + std::to_string(need) +
                     " bytes at offset " + std::to_string(offset) + " that the tensor needs",
                 where, "the file is damaged or belongs to another model");
  uint64_t mapped = 0;
  for (const auto &[name, other] : source->files)
    mapped += other->bytes().size();
  if (!spend(source->externalBytes, need, kMostUses * mapped))
    return error("the model uses its external data too many times", where);
  return fromRaw(dtype, dims, bytes.subspan(offset, need), file);
}

} // namespace

std::optional<DType> dtypeFromOnnx(int32_t dataType) {
  for (const TypeRow &row : kTypes)
    if (row.onnx == dataType)
      return row.dtype;
  return std::nullopt;
}

int32_t dtypeToOnnx(DType dtype) {
  for (const TypeRow &row : kTypes)
    if (row.dtype == dtype)
      return row.onnx;
  __builtin_unreachable();
}

std::string onnxTypeName(int32_t dataType) {
  if (onnx::TensorProto_DataType_IsValid(dataType))
    return onnx::TensorProto_DataType_Name(static_cast<onnx::TensorProto_DataType>(dataType));
  return std::to_string(dataType);
}

Expected<Tensor> tensorFromProto(const TensorProto &proto, TensorSource *source,
                                 const std::string &where) {
  auto dtype = dtypeFromOnnx(proto.data_type());
  if (!dtype)
    return error("tensor '" + proto.name() + "' has elements of type " +
                     onnxTypeName(proto.data_type()) + ", which is not supported",
                 where);
  Dims dims(proto.dims().begin(), proto.dims().end());
  if (!isValidShape(dims))
    return error("tensor '" + proto.name() + "' has an impossible shape", where,
                 "the file is damaged; export the model again");
  if (proto.data_location() == TensorProto::EXTERNAL)
    return fromExternal(proto, *dtype, dims, source, where);

  std::span<const std::byte> raw = std::as_bytes(std::span(proto.raw_data()));
  std::shared_ptr<const void> owner;
  bool inSegment = source && !proto.has_raw_data() && proto.has_segment();
  if (inSegment) {
    auto begin = static_cast<uint64_t>(proto.segment().begin());
    auto end = static_cast<uint64_t>(proto.segment().end());
    if (begin > end || end > source->model.size())
      return error("tensor '" + proto.name() + "' lies outside the file", where);
    if (!spend(source->segmentBytes, end - begin, kMostUses * source->model.size()))
      return error("the model repeats its tensors too many times", where);
    raw = source->model.subspan(begin, end - begin);
    owner = source->owner;
  }
  if (!inSegment && !proto.has_raw_data())
    return fromTypedFields(proto, *dtype, dims, where);
  if (raw.size() != static_cast<size_t>(numBytes(*dtype, dims)))
    return error("tensor '" + proto.name() + "' of type " + Type{*dtype, dims, 0, {}}.str() +
                     " comes with " + std::to_string(raw.size()) + " bytes",
                 where, "the file is damaged; export the model again");
  return fromRaw(*dtype, dims, raw, owner);
}

Expected<Tensor> tensorFromSparse(const onnx::SparseTensorProto &proto, TensorSource *source,
                                  const std::string &where) {
  constexpr int64_t kMaxDense = int64_t{1} << 26;
  constexpr uint64_t kMaxDenseBytes = uint64_t{1} << 30;
  Dims dims(proto.dims().begin(), proto.dims().end());
  if (!isValidShape(dims) || numElements(dims) > kMaxDense)
    return error("the sparse tensor '" + proto.values().name() + "' is too large to be made dense",
                 where);
  EDGECC_TRY(values, tensorFromProto(proto.values(), source, where));
  EDGECC_TRY(indices, tensorFromProto(proto.indices(), source, where));
  int64_t count = values.elements();
  bool linear = indices.rank() == 1 && indices.dims()[0] == count;
  bool perAxis = indices.rank() == 2 && indices.dims()[0] == count &&
                 indices.dims()[1] == static_cast<int64_t>(dims.size());
  if (values.rank() != 1 || (!linear && !perAxis) || isSubByte(values.dtype()))
    return error("the sparse tensor '" + proto.values().name() + "' is malformed", where);
  if (source && !spend(source->denseBytes, static_cast<uint64_t>(numBytes(values.dtype(), dims)),
                       kMaxDenseBytes))
    return error("the model's sparse tensors are too large to be made dense", where);
  Tensor dense(values.dtype(), dims);
  size_t width = bitWidth(values.dtype()) / 8;
  std::byte *out = dense.mutableRaw();
  for (int64_t i = 0; i < count; ++i) {
    int64_t position = 0;
    bool inside = true;
    if (linear)
      position = indices.asInt(i);
    for (size_t axis = 0; perAxis && axis < dims.size(); ++axis) {
      int64_t index = indices.asInt(i * indices.dims()[1] + static_cast<int64_t>(axis));
      inside = inside && index >= 0 && index < dims[axis];
      position = inside ? position * dims[axis] + index : 0;
    }
    if (!inside || position < 0 || position >= dense.elements())
      return error("the sparse tensor '" + proto.values().name() + "' has an index outside of it",
                   where);
    std::memcpy(out + static_cast<size_t>(position) * width,
                values.raw() + static_cast<size_t>(i) * width, width);
  }
  return dense;
}

TensorProto tensorToProto(const Tensor &tensor, const std::string &name) {
  TensorProto proto;
  proto.set_name(name);
  proto.set_data_type(dtypeToOnnx(tensor.dtype()));
  for (int64_t extent : tensor.dims())
    proto.add_dims(extent);
  if (tensor.bytes() > 0)
    proto.set_raw_data(tensor.raw(), tensor.bytes());
  else
    proto.set_raw_data("");
  return proto;
}

} // namespace edgecc
