#include "ir/OpDocs.h"

#include "ir/OpDef.h"
#include "ir/Text.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace edgecc {

namespace {

std::string describe(DTypeSet set) {
  static constexpr std::pair<DTypeSet, const char *> kNamed[] = {
      {kAny, "any"},
      {kNumbers, "numbers"},
      {kFloats, "floats"},
      {kInts, "integers"},
      {kStorageFloats, "8- and 4-bit floats"},
      {kInt4s, "4-bit integers"},
      {kBool, "bool"},
  };
  std::string text;
  auto append = [&](std::string_view part) {
    text += text.empty() ? "" : ", ";
    text += part;
  };
  for (const auto &[named, word] : kNamed)
    if ((set & named) == named) {
      append(word);
      set &= ~named;
    }
  for (unsigned i = 0; i < kNumDTypes; ++i)
    if (set >> i & 1)
      append(name(static_cast<DType>(i)));
  return text;
}

std::string signature(const OpDef &def) {
  std::string text = "(";
  for (const OperandDef &operand : def.operands) {
    text += text.size() > 1 ? ", " : "";
    text += operand.name + (operand.variadic ? "..." : "") + (operand.optional ? "?" : "");
  }
  return text + ")";
}

std::string resultCount(const OpDef &def) {
  if (def.minResults == def.maxResults)
    return std::to_string(def.minResults);
  return std::to_string(def.minResults) + " to " + std::to_string(def.maxResults);
}

std::string anchor(std::string_view heading) {
  std::string text;
  for (char c : heading)
    text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::string firstSentence(const std::string &text) {
  size_t end = text.find(". ");
  return end == std::string::npos ? text : text.substr(0, end + 1);
}

// `|` separates the cells of a table.
std::string cell(std::string_view text) {
  std::string escaped;
  for (char c : text)
    escaped += c == '|' ? std::string("\\|") : std::string(1, c);
  return escaped;
}

void appendOperands(std::string &text, const OpDef &def) {
  if (def.operands.empty())
    return;
  text += "\n| operand | element types | |\n|---|---|---|\n";
  for (const OperandDef &operand : def.operands) {
    std::string types = describe(operand.allowed);
    if (!operand.typeVariable.empty())
      types = operand.typeVariable + ": " + types;
    std::string doc = operand.doc;
    if (operand.variadic)
      doc = (operand.optional ? "any number" : "one or more") +
            std::string(doc.empty() ? "" : "; ") + doc;
    else if (operand.optional)
      doc = "optional" + std::string(doc.empty() ? "" : "; ") + doc;
    text += "| `" + operand.name + "` | " + types + " | " + cell(doc) + " |\n";
  }
}

void appendAttributes(std::string &text, const OpDef &def) {
  if (def.attributes.empty())
    return;
  text += "\n| attribute | value | default | |\n|---|---|---|---|\n";
  for (const AttributeDef &attribute : def.attributes) {
    text += "| `" + attribute.name + "` | " + std::string(describe(attribute.kind)) + " | ";
    text += attribute.defaultValue ? "`" + print(*attribute.defaultValue) + "`" : "required";
    text += " | " + cell(attribute.doc) + " |\n";
  }
}

void appendSection(std::string &text, const OpDef &def) {
  text += "\n## " + def.name + "\n\n" + def.doc + "\n";
  appendOperands(text, def);
  appendAttributes(text, def);
  if (!def.constraints.empty()) {
    text += "\nConstraints:\n\n";
    for (const Constraint &constraint : def.constraints)
      text += "- " + constraint.sentence + "\n";
  }
}

} // namespace

std::string opDocs() {
  std::vector<const OpDef *> defs;
  for (unsigned i = 0; i < kNumOps; ++i)
    defs.push_back(&defOf(static_cast<OpKind>(i)));
  std::ranges::sort(defs, {}, &OpDef::name);

  std::string text = "# Ops\n\n| op | operands | results | |\n|---|---|---|---|\n";
  for (const OpDef *def : defs)
    text += "| [" + def->name + "](#" + anchor(def->name) + ") | `" + signature(*def) + "` | " +
            resultCount(*def) + " | " + cell(firstSentence(def->doc)) + " |\n";
  for (const OpDef *def : defs)
    appendSection(text, *def);
  return text;
}

} // namespace edgecc
