#include "ir/Text.h"

#include "ir/OpDef.h"
#include "ir/TextScanner.h"

#include <charconv>
#include <cmath>
#include <unordered_map>

namespace edgecc {

namespace {

// Contents of at most this many elements are printed as numbers, larger ones as bytes.
constexpr int64_t kMaxListedElements = 32;

template <class T> std::string shortest(T value) {
  if (std::isnan(value))
    return "nan";
  char buffer[40];
  auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
  return {buffer, end};
}

// Attributes tell integers from floating-point numbers by the form alone.
std::string floatText(double value) {
  std::string text = shortest(value);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

std::string quoted(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += std::string{'\\', c};
    else if (byte < 0x20 || byte == 0x7f)
      out += std::string{'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    else
      out += c;
  }
  return out + '"';
}

template <class T, class Fn> std::string list(const std::vector<T> &values, Fn format) {
  std::string text = "[";
  for (size_t i = 0; i < values.size(); ++i)
    text += (i ? ", " : "") + format(values[i]);
  return text + "]";
}

std::string list(const std::vector<int64_t> &values) {
  return list(values, [](int64_t value) { return std::to_string(value); });
}
std::string list(const std::vector<double> &values) { return list(values, floatText); }

std::string symbol(std::string_view name) {
  return "@" + (isBareSymbol(name) ? std::string(name) : quoted(name));
}

std::string elementText(const Tensor &tensor, int64_t i) {
  DType dtype = tensor.dtype();
  if (dtype == DType::Bool)
    return tensor.asInt(i) ? "true" : "false";
  if (dtype == DType::U64)
    return std::to_string(static_cast<uint64_t>(tensor.asInt(i)));
  if (isInteger(dtype))
    return std::to_string(tensor.asInt(i));
  if (dtype == DType::F64)
    return shortest(tensor.asDouble(i));
  return shortest(static_cast<float>(tensor.asDouble(i)));
}

std::string hexText(const Tensor &tensor) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(tensor.bytes() * 2);
  for (std::byte byte : std::span(tensor.raw(), tensor.bytes())) {
    text += kHex[std::to_integer<unsigned>(byte) >> 4];
    text += kHex[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

std::string contentText(const Tensor &tensor) {
  if (tensor.elements() <= kMaxListedElements) {
    std::string text = "[";
    for (int64_t i = 0; i < tensor.elements(); ++i)
      text += (i ? ", " : "") + elementText(tensor, i);
    text += "]";
    // NaN payloads and stray bits beside the last 4-bit element survive as bytes only.
    TextScanner scanner(text, "");
    auto parsed = scanner.content(tensor.type());
    if (parsed && *parsed == tensor)
      return text;
  }
  return "hex \"" + hexText(tensor) + "\"";
}

std::string_view spaceName(Storage::Space space) {
  return kSpaceNames[static_cast<unsigned>(space)];
}

class Printer {
public:
  explicit Printer(const PrintOptions &options) : options_(options) {}

  void number(const Block &block) {
    for (const auto &argument : block.arguments())
      numbers_.emplace(argument.get(), numbers_.size());
    for (const auto &op : block.ops()) {
      for (unsigned i = 0; i < op->numResults(); ++i)
        numbers_.emplace(op->result(i), numbers_.size());
      for (unsigned i = 0; i < op->numRegions(); ++i)
        number(op->region(i));
    }
  }

  void module(const Module &module) {
    out += "module " + quoted(module.name) + " {\n";
    for (const auto &parameter : module.parameters())
      param(*parameter);
    for (const auto &f : module.functions())
      function(*f);
    out += "}\n";
  }

  void op(const Op &op) {
    for (unsigned i = 0; i < op.numResults(); ++i)
      out += (i ? ", " : "") + valueName(op.result(i));
    out += op.numResults() ? " = " : "";
    out += op.name();
    if (op.parameter)
      out += " " + symbol(op.parameter->name);
    else
      operands(op);
    attributes(op.attributes());
    for (unsigned i = 0; i < op.numResults(); ++i) {
      out += i ? ", " : " : ";
      typed(*op.result(i), nullptr);
    }
    if (!op.location.empty())
      out += " loc " + quoted(op.location);
  }

  std::string out;

private:
  std::string valueName(const Value *value) const {
    auto it = numbers_.find(value);
    return it == numbers_.end() ? "%?" : "%" + std::to_string(it->second);
  }

  void operands(const Op &op) {
    out += '(';
    for (unsigned i = 0; i < op.numOperands(); ++i)
      out += (i ? ", " : "") + (op.operand(i) ? valueName(op.operand(i)) : "_");
    out += ')';
  }

  void attributes(const Attributes &attributes) {
    if (attributes.empty())
      return;
    out += " {";
    bool first = true;
    for (const auto &[name, value] : attributes) {
      out += (first ? "" : ", ") + (isBareWord(name) ? name : quoted(name)) + " = " + print(value);
      first = false;
    }
    out += '}';
  }

  // Type and what is known about a value; the name too for a function's input.
  void typed(const Value &value, const Port *port) {
    out += value.type.str();
    if (port)
      out += " " + quoted(port->name);
    if (const Provenance &from = value.provenance; from != Provenance{}) {
      out += " from " + quoted(from.tensor);
      if (from.axis != 1)
        out += " axis " + std::to_string(from.axis);
      if (!from.channelMap.empty())
        out += " channels " + list(from.channelMap);
      if (!from.scale.empty())
        out += " scale " + list(from.scale);
    }
    if (value.storage) {
      const Storage &at = *value.storage;
      out += " at " + std::string(spaceName(at.space)) + " " + std::to_string(at.index) + " + " +
             std::to_string(at.offset) + " strides " + list(at.strides);
    }
    if (port)
      preprocessing(port->preprocessing);
  }

  void preprocessing(const Preprocessing &p) {
    if (p == Preprocessing{})
      return;
    out += " pixels " + quoted(p.layout) + " " + quoted(p.channelOrder) + " mean " + list(p.mean) +
           " scale " + list(p.scale) + (p.compiledIn ? " compiled" : "");
  }

  void param(const Parameter &parameter) {
    const Tensor &content = parameter.content;
    out += "  param " + symbol(parameter.name) + " : " + content.type().str();
    out += parameter.trainable ? " trainable = " : " = ";
    bool elide = options_.elideAbove >= 0 && content.elements() > options_.elideAbove;
    out += elide ? "elided" : contentText(content);
    out += '\n';
  }

  void arguments(const Block &block, const std::vector<Port> *ports) {
    out += '(';
    for (unsigned i = 0; i < block.numArguments(); ++i) {
      out += (i ? ", " : "") + valueName(block.argument(i)) + ": ";
      typed(*block.argument(i), ports && i < ports->size() ? &(*ports)[i] : nullptr);
    }
    out += ')';
  }

  void function(const Function &function) {
    numbers_.clear();
    number(function.body);
    out += "  func " + symbol(function.name);
    arguments(function.body, &function.inputs);
    out += " -> (";
    for (size_t i = 0; i < function.outputs.size(); ++i) {
      out += (i ? ", " : "") + quoted(function.outputs[i].name);
      preprocessing(function.outputs[i].preprocessing);
    }
    out += ") {\n";
    ops(function.body, 4);
    out += "  }\n";
  }

  void ops(const Block &block, size_t indent) {
    for (const auto &inner : block.ops()) {
      out.append(indent, ' ');
      op(*inner);
      for (unsigned i = 0; i < inner->numRegions(); ++i) {
        out += " {\n";
        out.append(indent + 2, ' ');
        out += '^';
        arguments(inner->region(i), nullptr);
        out += '\n';
        ops(inner->region(i), indent + 2);
        out.append(indent, ' ');
        out += '}';
      }
      out += '\n';
    }
  }

  const PrintOptions &options_;
  std::unordered_map<const Value *, size_t> numbers_;
};

} // namespace

std::string print(const Module &module, const PrintOptions &options) {
  Printer printer(options);
  printer.module(module);
  return std::move(printer.out);
}

std::string print(const Op &op) {
  PrintOptions options;
  Printer printer(options);
  const Block *outermost = op.block();
  while (outermost && outermost->parentOp() && outermost->parentOp()->block())
    outermost = outermost->parentOp()->block();
  if (outermost)
    printer.number(*outermost);
  printer.op(op);
  if (op.numRegions())
    printer.out += " {...}";
  return std::move(printer.out);
}

std::string print(const Attribute &attribute) {
  switch (kindOf(attribute)) {
  case AttributeKind::Flag:
    return std::get<bool>(attribute) ? "true" : "false";
  case AttributeKind::Int:
    return std::to_string(std::get<int64_t>(attribute));
  case AttributeKind::Float:
    return floatText(std::get<double>(attribute));
  case AttributeKind::String:
    return quoted(std::get<std::string>(attribute));
  case AttributeKind::Ints:
    return list(std::get<std::vector<int64_t>>(attribute));
  case AttributeKind::Floats:
    return list(std::get<std::vector<double>>(attribute));
  case AttributeKind::Strings:
    return list(std::get<std::vector<std::string>>(attribute), quoted);
  case AttributeKind::DType:
    return std::string(name(std::get<DType>(attribute)));
  }
  __builtin_unreachable();
}

} // namespace edgecc
