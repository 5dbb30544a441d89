// Counts, the verdict, and the files for docs/.
#pragma once

#include "tests/conformance/Case.h"
#include "tests/conformance/Exclusions.h"

namespace edgecc::conformance {

struct Result {
  std::string name;
  Outcome outcome;
  const Exclusion *exclusion = nullptr;

  // Wrong; refused without being listed; or passing although it is listed.
  bool isError() const;
};

struct Report {
  std::string backend;
  std::vector<Result> results;

  size_t errors() const;
  // Counts on standard output, errors on standard error.
  void print() const;
  Expected<void> writeJson(const std::filesystem::path &path) const;
  // Counts and, for each reason, the cases that do not pass.
  Expected<void> writeMarkdown(const std::filesystem::path &path) const;
};

} // namespace edgecc::conformance
