#include "backends/native/winograd/Transform.h"

#include <cmath>
#include <map>

using namespace llvm;

namespace edgecc::native {

namespace {

using Terms = std::vector<std::pair<int64_t, double>>; // (element, factor), factors not 0

bool isPaired(const CookToom &form, int64_t row) {
  return row >= 1 && row + 1 < form.points() && form.points() > 2;
}

Constant *constant(llvm::Value *like, double value) {
  return ConstantFP::get(like->getType(), value);
}

// sum + factor * value; `sum` may be null.
llvm::Value *accumulate(KernelEmitter &e, llvm::Value *sum, double factor, llvm::Value *value) {
  if (!sum)
    return factor == 1 ? value : e.b.CreateFMul(constant(value, factor), value);
  if (factor == 1)
    return e.b.CreateFAdd(sum, value);
  if (factor == -1)
    return e.b.CreateFSub(sum, value);
  return e.multiplyAdd(constant(value, factor), value, sum);
}

// Begins with a term that needs no multiplication where there is one.
llvm::Value *combine(KernelEmitter &e, Terms terms, const ReadElement &read) {
  for (size_t i = 0; i < terms.size(); ++i)
    if (terms[i].second == 1) {
      std::swap(terms[0], terms[i]);
      break;
    }
  llvm::Value *sum = nullptr;
  for (auto [element, factor] : terms)
    sum = accumulate(e, sum, factor, read(element));
  return sum;
}

// The elements of a row with k % 2 == parity, or all (-1), divided by `divisor`.
Terms termsOf(const std::vector<double> &row, int64_t parity, double divisor) {
  Terms out;
  for (size_t k = 0; k < row.size(); ++k) {
    auto element = static_cast<int64_t>(k);
    if (row[k] != 0 && (parity < 0 || element % 2 == parity))
      out.emplace_back(element, row[k] / divisor);
  }
  return out;
}

double lastOf(const Terms &terms) { return terms.back().second; }

} // namespace

std::vector<std::vector<int64_t>> inputRowGroups(const CookToom &form) {
  std::vector<std::vector<int64_t>> out;
  for (int64_t row = 0; row < form.points(); ++row)
    if (isPaired(form, row)) {
      out.push_back({row, row + 1});
      ++row;
    } else {
      out.push_back({row});
    }
  return out;
}

std::vector<llvm::Value *> emitInputRows(KernelEmitter &e, const CookToom &form,
                                         const std::vector<int64_t> &rows, const ReadElement &d) {
  const std::vector<double> &first = form.input[static_cast<size_t>(rows[0])];
  if (rows.size() == 1)
    return {combine(e, termsOf(first, -1, 1), d)};
  // even + odd and even - odd; the odd part is a multiple of one that begins without a
  // multiplication.
  double scale = lastOf(termsOf(first, 1, 1));
  llvm::Value *even = combine(e, termsOf(first, 0, 1), d);
  llvm::Value *odd = combine(e, termsOf(first, 1, scale), d);
  return {accumulate(e, even, scale, odd), accumulate(e, even, -scale, odd)};
}

std::vector<std::vector<int64_t>> outputRowGroups(const CookToom &form, int64_t most) {
  std::vector<std::vector<int64_t>> out;
  if (form.outputs <= most) {
    out.emplace_back();
    for (int64_t row = 0; row < form.outputs; ++row)
      out.back().push_back(row);
    return out;
  }
  for (int64_t parity = 0; parity < 2; ++parity)
    for (int64_t row = parity; row < form.outputs; row += 2) {
      if (row == parity || static_cast<int64_t>(out.back().size()) >= most)
        out.emplace_back();
      out.back().push_back(row);
    }
  return out;
}

std::vector<llvm::Value *> emitOutputRows(KernelEmitter &e, const CookToom &form,
                                          const std::vector<int64_t> &rows, const ReadElement &p) {
  // Of each pair of points, the sum for even rows and the difference for odd ones.
  std::map<std::pair<int64_t, int64_t>, llvm::Value *> shared;
  auto pairOf = [&](int64_t point, int64_t parity) {
    llvm::Value *&value = shared[{point, parity}];
    if (!value) {
      llvm::Value *a = p(point), *b = p(point + 1);
      value = parity == 0 ? e.b.CreateFAdd(a, b) : e.b.CreateFSub(a, b);
    }
    return value;
  };
  std::vector<llvm::Value *> out;
  for (int64_t row : rows) {
    Terms terms;
    for (auto [point, factor] : termsOf(form.output[static_cast<size_t>(row)], -1, 1))
      if (!isPaired(form, point) || point % 2 == 1)
        terms.emplace_back(point, factor);
    out.push_back(combine(e, terms, [&](int64_t point) {
      return isPaired(form, point) ? pairOf(point, row % 2) : p(point);
    }));
  }
  return out;
}

int64_t inputOperations(const CookToom &form) {
  int64_t count = 0;
  for (const std::vector<int64_t> &rows : inputRowGroups(form)) {
    auto terms =
        static_cast<int64_t>(termsOf(form.input[static_cast<size_t>(rows[0])], -1, 1).size());
    count += rows.size() == 1 ? terms - 1 : terms;
  }
  return count;
}

int64_t outputOperations(const CookToom &form) {
  int64_t pairs = form.points() > 2 ? (form.points() - 2) / 2 : 0, count = 2 * pairs;
  for (int64_t row = 0; row < form.outputs; ++row) {
    auto terms = static_cast<int64_t>(termsOf(form.output[static_cast<size_t>(row)], -1, 1).size());
    count += terms - 1 - pairs;
  }
  return count;
}

} // namespace edgecc::native
