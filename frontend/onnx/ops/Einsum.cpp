#include "frontend/onnx/ops/Einsum.h"

#include <algorithm>
#include <cctype>
#include <set>

namespace edgecc::importer {
namespace {

// A label is a letter, or kEllipsis + i for the i-th axis from the right under an ellipsis.
using Label = int;
using Labels = std::vector<Label>;
constexpr Label kEllipsis = 256;

bool contains(const Labels &labels, Label label) {
  return std::ranges::find(labels, label) != labels.end();
}

struct Term {
  Value *value;
  Labels labels; // one for each axis, distinct after takeDiagonals()
};

struct Equation {
  std::vector<std::string> terms;
  std::optional<std::string> result;
};

Equation parse(NodeContext &n, const std::string &text) {
  Equation equation;
  std::string current;
  auto finish = [&] { return std::exchange(current, {}); };
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == ' ')
      continue;
    if (c == ',' && !equation.result)
      equation.terms.push_back(finish());
    else if (text.compare(i, 2, "->") == 0 && !equation.result) {
      equation.terms.push_back(finish());
      equation.result = "";
      ++i;
    } else if (std::isalpha(static_cast<unsigned char>(c)))
      current += c;
    else if (text.compare(i, 3, "...") == 0 && current.find('.') == std::string::npos) {
      current += '.';
      i += 2;
    } else
      n.fail("the equation '" + printable(text) + "' is malformed");
  }
  if (equation.result)
    equation.result = finish();
  else
    equation.terms.push_back(finish());
  return equation;
}

// Labels of the axes of a term, in which an ellipsis stands for `hidden` axes.
Labels expandLabels(const std::string &term, size_t hidden) {
  Labels labels;
  for (char c : term) {
    if (c != '.')
      labels.push_back(c);
    for (size_t i = hidden; c == '.' && i-- > 0;)
      labels.push_back(kEllipsis + static_cast<Label>(i));
  }
  return labels;
}

// "ii" -> "i": the two axes become one of extent d * d, of which every (d + 1)-th is kept.
Term takeDiagonals(NodeContext &n, Term term) {
  for (size_t i = 0; i < term.labels.size(); ++i)
    for (size_t j = i + 1; j < term.labels.size();) {
      if (term.labels[j] != term.labels[i]) {
        ++j;
        continue;
      }
      int64_t extent = term.value->dims()[i];
      if (term.value->dims()[j] != extent)
        n.mismatch("axes with one label have different extents");
      std::vector<int64_t> perm = allAxes(term.labels.size());
      perm.erase(perm.begin() + static_cast<ptrdiff_t>(j));
      perm.insert(perm.begin() + static_cast<ptrdiff_t>(i) + 1, static_cast<int64_t>(j));
      Value *x = transpose(n, term.value, std::move(perm));
      Dims dims = x->dims();
      dims[i] = extent * extent;
      dims.erase(dims.begin() + static_cast<ptrdiff_t>(i) + 1);
      x = reshape(n, x, std::move(dims));
      term.value = sliceAxis(n, x, static_cast<int64_t>(i), 0, extent, extent + 1);
      term.labels.erase(term.labels.begin() + static_cast<ptrdiff_t>(j));
    }
  return term;
}

Term sumOut(NodeContext &n, Term term, const std::set<Label> &keep) {
  std::vector<int64_t> axes;
  Labels kept;
  for (size_t i = 0; i < term.labels.size(); ++i) {
    if (keep.contains(term.labels[i]))
      kept.push_back(term.labels[i]);
    else
      axes.push_back(static_cast<int64_t>(i));
  }
  if (axes.empty())
    return term;
  return {reduce(n, OpKind::ReduceSum, term.value, std::move(axes), false), std::move(kept)};
}

// The term's axes in the order of `labels`, with extent 1 for those that it does not have.
Value *arrange(NodeContext &n, const Term &term, const Labels &labels) {
  std::vector<int64_t> perm;
  Dims dims;
  for (Label label : labels) {
    auto at = std::ranges::find(term.labels, label);
    if (at == term.labels.end()) {
      dims.push_back(1);
      continue;
    }
    perm.push_back(at - term.labels.begin());
    dims.push_back(term.value->dims()[static_cast<size_t>(perm.back())]);
  }
  return reshape(n, transpose(n, term.value, std::move(perm)), std::move(dims));
}

int64_t extentOf(const Term &term, Label label) {
  auto at = std::ranges::find(term.labels, label);
  return term.value->dims()[static_cast<size_t>(at - term.labels.begin())];
}

// Product of two terms, summed over the labels that are not in `keep`.
Term multiply(NodeContext &n, Term a, Term b, const std::set<Label> &keep) {
  auto keepOr = [&](const Term &other) {
    std::set<Label> labels = keep;
    labels.insert(other.labels.begin(), other.labels.end());
    return labels;
  };
  a = sumOut(n, std::move(a), keepOr(b));
  b = sumOut(n, std::move(b), keepOr(a));
  Labels batch, rows, columns, inner;
  for (Label label : a.labels) {
    if (!contains(b.labels, label))
      rows.push_back(label);
    else
      (keep.contains(label) ? batch : inner).push_back(label);
  }
  for (Label label : b.labels)
    if (!contains(a.labels, label))
      columns.push_back(label);
  Labels result = batch;
  result.insert(result.end(), rows.begin(), rows.end());
  result.insert(result.end(), columns.begin(), columns.end());
  if (inner.empty())
    return {mul(n, arrange(n, a, result), arrange(n, b, result)), std::move(result)};

  // [batch..., M, K] x [batch..., K, N]
  Dims resultDims;
  int64_t m = 1, k = 1, columnCount = 1;
  for (Label label : rows)
    m *= extentOf(a, label);
  for (Label label : columns)
    columnCount *= extentOf(b, label);
  for (Label label : inner) {
    if (extentOf(a, label) != extentOf(b, label))
      n.mismatch("axes with one label have different extents");
    k *= extentOf(a, label);
  }
  auto matrix = [&](const Term &term, const Labels &outer, const Labels &last, int64_t height,
                    int64_t width) {
    Labels order = batch;
    order.insert(order.end(), outer.begin(), outer.end());
    order.insert(order.end(), last.begin(), last.end());
    Dims dims;
    for (Label label : batch)
      dims.push_back(extentOf(term, label));
    dims.insert(dims.end(), {height, width});
    return reshape(n, arrange(n, term, order), std::move(dims));
  };
  Value *product = n.emit(
      OpKind::MatMul, {matrix(a, rows, inner, m, k), matrix(b, inner, columns, k, columnCount)});
  resultDims.assign(product->dims().begin(), product->dims().end() - 2);
  for (Label label : rows)
    resultDims.push_back(extentOf(a, label));
  for (Label label : columns)
    resultDims.push_back(extentOf(b, label));
  return {reshape(n, product, std::move(resultDims)), std::move(result)};
}

// Without "->" the result has the ellipsis and then the labels that occur once, in their order.
Labels implicitResult(const std::vector<Term> &terms, size_t hidden) {
  std::map<Label, int> count;
  for (const Term &term : terms)
    for (Label label : term.labels)
      ++count[label];
  Labels result = expandLabels(".", hidden);
  for (auto [label, times] : count)
    if (label < kEllipsis && times == 1)
      result.push_back(label);
  return result;
}

} // namespace

Value *einsum(NodeContext &n, const std::string &text, std::vector<Value *> operands) {
  Equation equation = parse(n, text);
  if (equation.terms.size() != operands.size() || operands.empty())
    n.fail("the equation '" + printable(text) + "' has " + std::to_string(equation.terms.size()) +
           " terms for " + std::to_string(operands.size()) + " operands");
  std::vector<Term> terms;
  size_t mostHidden = 0;
  for (size_t i = 0; i < operands.size(); ++i) {
    const std::string &spelling = equation.terms[i];
    bool hasEllipsis = spelling.find('.') != std::string::npos;
    size_t named = spelling.size() - (hasEllipsis ? 1 : 0), rank = operands[i]->dims().size();
    if (named > rank || (!hasEllipsis && named != rank))
      n.mismatch("term '" + printable(spelling) + "' of the equation does not fit " +
                 operands[i]->type.str());
    mostHidden = std::max(mostHidden, rank - named);
    terms.push_back({operands[i], expandLabels(spelling, rank - named)});
  }
  Labels result = equation.result ? expandLabels(*equation.result, mostHidden)
                                  : implicitResult(terms, mostHidden);
  std::set<Label> known;
  for (Term &term : terms) {
    term = takeDiagonals(n, std::move(term));
    known.insert(term.labels.begin(), term.labels.end());
  }
  std::set<Label> wanted(result.begin(), result.end());
  if (wanted.size() != result.size() || !std::ranges::includes(known, wanted))
    n.fail("the result of the equation '" + printable(text) + "' repeats or invents a label");

  Term product = std::move(terms[0]);
  for (size_t i = 1; i < terms.size(); ++i) {
    std::set<Label> keep = wanted;
    for (size_t j = i + 1; j < terms.size(); ++j)
      keep.insert(terms[j].labels.begin(), terms[j].labels.end());
    product = multiply(n, std::move(product), std::move(terms[i]), keep);
  }
  return arrange(n, sumOut(n, std::move(product), wanted), result);
}

} // namespace edgecc::importer
