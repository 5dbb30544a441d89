#include "frontend/io/Npy.h"

#include "frontend/io/MappedFile.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string_view>

namespace edgecc {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMaxHeader = 1 << 20;

struct DescrRow {
  std::string_view descr; // without the byte-order character
  DType dtype;
};

constexpr std::array<DescrRow, 12> kDescrs = {{
    {"b1", DType::Bool},
    {"i1", DType::I8},
    {"u1", DType::U8},
    {"i2", DType::I16},
    {"u2", DType::U16},
    {"i4", DType::I32},
    {"u4", DType::U32},
    {"i8", DType::I64},
    {"u8", DType::U64},
    {"f2", DType::F16},
    {"f4", DType::F32},
    {"f8", DType::F64},
}};

struct Header {
  DType dtype;
  bool fortran;
  Dims dims;
};

// The header is a Python dictionary literal with the keys descr, fortran_order and shape.
class HeaderReader {
public:
  HeaderReader(std::string_view text, std::string source)
      : text_(text), source_(std::move(source)) {}

  Expected<Header> read() {
    EDGECC_TRY(descr, quoted("descr"));
    EDGECC_TRY(order, valueOf("fortran_order"));
    EDGECC_TRY(shape, valueOf("shape"));
    Header header{};
    EDGECC_TRY(dtype, parseDescr(descr));
    header.dtype = dtype;
    header.fortran = order.starts_with("True");
    if (!header.fortran && !order.starts_with("False"))
      return error("the .npy header's fortran_order is neither True nor False", source_);
    EDGECC_TRY(dims, parseShape(shape));
    header.dims = std::move(dims);
    return header;
  }

private:
  Expected<std::string_view> valueOf(std::string_view key) const {
    for (char quote : {'\'', '"'}) {
      std::string pattern = quote + std::string(key) + quote;
      size_t at = text_.find(pattern);
      if (at == std::string_view::npos)
        continue;
      size_t begin = text_.find_first_not_of(" :", at + pattern.size());
      if (begin != std::string_view::npos)
        return text_.substr(begin);
    }
    return error("the .npy header has no " + std::string(key), source_);
  }

  Expected<std::string_view> quoted(std::string_view key) const {
    EDGECC_TRY(value, valueOf(key));
    if (value[0] != '\'' && value[0] != '"')
      return error("structured .npy arrays are not supported", source_,
                   "save one array of plain numbers");
    size_t end = value.find(value[0], 1);
    if (end == std::string_view::npos)
      return error("the .npy header is cut off", source_);
    return value.substr(1, end - 1);
  }

  Expected<DType> parseDescr(std::string_view descr) const {
    std::string_view plain = descr;
    if (!plain.empty() && std::string_view("<|=>").find(plain[0]) != std::string_view::npos)
      plain.remove_prefix(1);
    bool bigEndian = descr.starts_with('>');
    for (const DescrRow &row : kDescrs)
      if (row.descr == plain && (!bigEndian || plain[1] == '1'))
        return row.dtype;
    return error("unsupported .npy element type '" + std::string(descr) + "'", source_,
                 "save little-endian bool, integers or floats, for instance with "
                 "array.astype('<f4')");
  }

  Expected<Dims> parseShape(std::string_view value) const {
    if (value[0] != '(')
      return error("the .npy header's shape is not a tuple", source_);
    Dims dims;
    value.remove_prefix(1);
    while (true) {
      size_t begin = value.find_first_not_of(" ,");
      if (begin == std::string_view::npos)
        return error("the .npy header is cut off", source_);
      value.remove_prefix(begin);
      if (value[0] == ')')
        break;
      int64_t extent = 0;
      auto [end, status] = std::from_chars(value.data(), value.data() + value.size(), extent);
      if (status != std::errc())
        return error("the .npy header's shape holds something that is not a number", source_);
      value.remove_prefix(static_cast<size_t>(end - value.data()));
      if (value.starts_with('L')) // Python 2 wrote long integers so
        value.remove_prefix(1);
      dims.push_back(extent);
      if (dims.size() > kMaxRank)
        break;
    }
    if (!isValidShape(dims))
      return error("the .npy header's shape is not a valid one", source_);
    return dims;
  }

  std::string_view text_;
  std::string source_;
};

Tensor fromFortran(const Header &header, const std::byte *data) {
  Tensor out(header.dtype, header.dims);
  size_t width = bitWidth(header.dtype) / 8;
  std::byte *to = out.mutableRaw();
  Dims strides(header.dims.size());
  int64_t stride = 1;
  for (size_t i = 0; i < header.dims.size(); ++i) {
    strides[i] = stride;
    stride *= header.dims[i];
  }
  Dims index(header.dims.size(), 0);
  int64_t from = 0;
  for (int64_t n = out.elements(), i = 0; i < n; ++i) {
    std::memcpy(to + static_cast<size_t>(i) * width, data + static_cast<size_t>(from) * width,
                width);
    for (size_t axis = index.size(); axis-- > 0;) {
      from += strides[axis];
      if (++index[axis] < header.dims[axis])
        break;
      from -= strides[axis] * header.dims[axis];
      index[axis] = 0;
    }
  }
  return out;
}

} // namespace

// The elements lie in `bytes`, which `owner` keeps alive, unless their order has to change.
static Expected<Tensor> viewNpy(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                                const std::string &source) {
  std::string_view text(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  if (!text.starts_with(kMagic) || text.size() < 10)
    return error("not a .npy file", source);
  unsigned version = static_cast<unsigned char>(text[6]);
  auto byteAt = [&](size_t i) { return size_t{static_cast<unsigned char>(text[i])}; };
  size_t begin = version == 1 ? 10 : 12;
  if (version < 1 || version > 3 || text.size() < begin)
    return error("unknown .npy format version " + std::to_string(version), source);
  size_t length = byteAt(8) | byteAt(9) << 8;
  if (version > 1)
    length |= byteAt(10) << 16 | byteAt(11) << 24;
  if (length > kMaxHeader || length > text.size() - begin)
    return error("the .npy header is cut off", source);
  EDGECC_TRY(header, HeaderReader(text.substr(begin, length), source).read());
  std::span<const std::byte> data = bytes.subspan(begin + length);
  if (static_cast<uint64_t>(numBytes(header.dtype, header.dims)) > data.size())
    return error("the .npy file is shorter than its shape needs", source);
  if (header.fortran && header.dims.size() > 1)
    return fromFortran(header, data.data());
  return Tensor(header.dtype, header.dims, std::move(owner), data.data());
}

Expected<Tensor> parseNpy(std::span<const std::byte> bytes, const std::string &source) {
  EDGECC_TRY(view, viewNpy(bytes, nullptr, source));
  Tensor tensor(view.dtype(), view.dims());
  if (tensor.bytes() > 0)
    std::memcpy(tensor.mutableRaw(), view.raw(), tensor.bytes());
  return tensor;
}

Expected<Tensor> readNpy(const std::filesystem::path &path) {
  EDGECC_TRY(file, MappedFile::open(path));
  return parseNpy(file->bytes(), path.string());
}

Expected<Tensor> mapNpy(const std::filesystem::path &path) {
  EDGECC_TRY(file, MappedFile::open(path));
  return viewNpy(file->bytes(), file, path.string());
}

Expected<std::vector<std::byte>> formatNpy(const Tensor &tensor) {
  auto row = std::ranges::find(kDescrs, tensor.dtype(), &DescrRow::dtype);
  if (row == kDescrs.end())
    return error("a .npy file cannot hold elements of type " + std::string(name(tensor.dtype())),
                 {}, "write the tensor as .pb");
  std::string header = "{'descr': '";
  header += row->descr.ends_with('1') ? '|' : '<';
  header += std::string(row->descr) + "', 'fortran_order': False, 'shape': (";
  for (int64_t extent : tensor.dims())
    header += std::to_string(extent) + ", ";
  header += "), }";
  // The data begins at a multiple of 64 bytes and the header ends in a newline.
  size_t padded = (10 + header.size() + 1 + 63) / 64 * 64;
  header.resize(padded - 10 - 1, ' ');
  header += '\n';
  std::string prefix(kMagic);
  prefix += {'\x01', '\x00', static_cast<char>(header.size() & 0xff),
             static_cast<char>(header.size() >> 8)};
  std::vector<std::byte> bytes(padded + tensor.bytes());
  std::memcpy(bytes.data(), prefix.data(), prefix.size());
  std::memcpy(bytes.data() + prefix.size(), header.data(), header.size());
  if (tensor.bytes() > 0)
    std::memcpy(bytes.data() + padded, tensor.raw(), tensor.bytes());
  return bytes;
}

Expected<void> writeNpy(const std::filesystem::path &path, const Tensor &tensor) {
  EDGECC_TRY(bytes, formatNpy(tensor));
  return writeFile(path, bytes);
}

} // namespace edgecc
