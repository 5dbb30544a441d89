// What a pass is: a named function from module to module with typed options and a sentence of
// documentation. Passes are listed once, in Registry.cpp, or come from a plugin (Plugin.h).
#pragma once

#include "ir/Diagnostic.h"
#include "ir/Executor.h"
#include "ir/Module.h"
#include "ir/TargetModel.h"

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace edgecc {

// The default's alternative is the option's type.
using OptionValue = std::variant<bool, int64_t, double, std::string>;

struct OptionDef {
  std::string name; // "max-ops"
  OptionValue defaultValue;
  std::string doc;
};

// The values of a pass's options for one run of it.
class PassOptions {
public:
  PassOptions() = default;
  explicit PassOptions(const std::vector<OptionDef> &defs); // the defaults

  // Parses `value` as the option's type. Fails for an unknown name or a malformed value.
  Expected<void> set(std::string_view name, std::string_view value);

  // These assert that the pass declares an option of that name and type.
  bool flag(std::string_view name) const { return get<bool>(name); }
  int64_t integer(std::string_view name) const { return get<int64_t>(name); }
  double real(std::string_view name) const { return get<double>(name); }
  const std::string &text(std::string_view name) const { return get<std::string>(name); }

private:
  template <class T> const T &get(std::string_view name) const {
    return std::get<T>(values_.find(name)->second);
  }
  std::map<std::string, OptionValue, std::less<>> values_;
};

// What a pass did, as counts with names that read well after the number: "batch norms folded".
class Statistics {
public:
  void add(std::string_view what, int64_t count = 1);
  int64_t count(std::string_view what) const; // 0 if it never happened
  // In the order of first occurrence.
  const std::vector<std::pair<std::string, int64_t>> &entries() const { return entries_; }

private:
  std::vector<std::pair<std::string, int64_t>> entries_;
};

struct Compression;

// What a pass may use besides the module. A null executor or target restricts what it can do; each
// pass's documentation says how.
struct PassContext {
  const PassOptions &options;
  Executor *executor = nullptr;
  const TargetModel *target = nullptr;
  Statistics &statistics;
  // What the passes of compress/ share (compress/Compression.h); null where nothing is compressed.
  Compression *compression = nullptr;
  // Tells the user how far a long pass is; may be empty.
  std::function<void(size_t done, size_t total)> progress = {};
};

using PassFunction = std::function<Expected<void>(Module &, PassContext &)>;

struct PassInfo {
  std::string name; // "fold-batch-norm"
  std::string doc;  // a sentence
  PassFunction run;
  std::vector<OptionDef> options;
  // A form of the same function that suits some hardware better; --rewrite takes these alone.
  bool isRewrite = false;
};

} // namespace edgecc
