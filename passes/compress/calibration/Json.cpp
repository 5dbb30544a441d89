// Calibration tables as JSON files.
#include "ir/DeferSignals.h"
#include "passes/compress/calibration/Calibration.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace edgecc {

namespace {

using nlohmann::json;

constexpr const char *kFormat = "edgecc-calibration";
constexpr uintmax_t kMaxFile = uintmax_t{1} << 30;
constexpr size_t kMaxBins = size_t{1} << 20;
constexpr double kLargest = std::numeric_limits<float>::max();
// Bins of finite f32 values are not narrower; below it, quotients of bins overflow.
constexpr double kNarrowestBin = 1e-60;

json toJson(Range range) { return json::array({range.low, range.high}); }

json toJson(const std::vector<Range> &ranges) {
  json out = json::array();
  for (const Range &range : ranges)
    out.push_back(toJson(range));
  return out;
}

bool isUtf8(const std::string &text) {
  try {
    (void)json(text).dump();
    return true;
  } catch (const json::type_error &) {
    return false;
  }
}

// ONNX names are bytes, JSON strings are not: other names are written as lists of bytes.
json nameToJson(const std::string &name) {
  if (isUtf8(name))
    return name;
  json bytes = json::array();
  for (unsigned char byte : name)
    bytes.push_back(byte);
  return bytes;
}

json toJson(const std::string &name, const Observation &o) {
  json out = {{"name", nameToJson(name)},       {"axis", o.axis},
              {"samples", o.samples},           {"seen", toJson(o.seen)},
              {"averaged", toJson(o.averaged)}, {"mean", o.mean},
              {"deviation", o.deviation},       {"histograms", json::array()}};
  for (const Histogram &histogram : o.histograms)
    out["histograms"].push_back({{"range", toJson(histogram.range)}, {"counts", histogram.counts}});
  return out;
}

// Reads what toJson() writes; every accessor checks the kind of what it finds. The first mistake is
// kept, and reading goes on with empty values.
class Reader {
public:
  explicit Reader(std::string path) : path_(std::move(path)) {}

  Expected<Calibration> read(const json &root) {
    Calibration table;
    if (!root.is_object() || !root.contains("format") || root["format"] != kFormat)
      return error("not a calibration table", path_);
    if (root.value("version", json()) != 1)
      return error("a calibration table of an unknown version", path_);
    auto method = rangeMethodFromName(text(root, "method"));
    if (!method)
      fail("the table has no known 'method'");
    table.method = method.value_or(RangeMethod::MinMax);
    table.percentile = number(member(root, "percentile"));
    if (!(table.percentile > 50 && table.percentile <= 100))
      fail("'percentile' is not above 50 and at most 100");
    for (const json &entry : list(root, "values")) {
      name_.clear();
      std::string name = nameOf(member(entry, "name"));
      name_ = name;
      if (table.find(name))
        fail("the value occurs twice");
      table.set(name, observation(entry));
      if (!mistake_.empty())
        break;
    }
    if (!mistake_.empty())
      return error(mistake_, path_, "make the table anew with the pass calibrate");
    return table;
  }

private:
  void fail(const std::string &what) {
    if (mistake_.empty())
      mistake_ = name_.empty() ? what : "value '" + name_ + "': " + what;
  }

  const json &member(const json &from, const char *key) {
    static const json kNothing;
    if (from.is_object())
      if (auto found = from.find(key); found != from.end())
        return *found;
    fail(std::string("'") + key + "' is missing");
    return kNothing;
  }
  const json &list(const json &from, const char *key) {
    static const json kEmpty = json::array();
    const json &value = member(from, key);
    if (value.is_array())
      return value;
    fail(std::string("'") + key + "' is not a list");
    return kEmpty;
  }
  std::string text(const json &from, const char *key) {
    const json &value = member(from, key);
    return value.is_string() ? value.get<std::string>() : std::string();
  }
  double number(const json &value, double largest = kLargest) {
    double out = value.is_number() ? value.get<double>() : std::nan("");
    if (std::abs(out) <= largest) // false for NaN
      return out;
    fail("a number is missing, not finite or beyond what an f32 holds");
    return 0;
  }
  uint64_t count(const json &value) {
    if (value.is_number_unsigned())
      return value.get<uint64_t>();
    fail("a count is missing or negative");
    return 0;
  }
  std::string nameOf(const json &value) {
    if (value.is_string())
      return value.get<std::string>();
    std::string bytes;
    if (!value.is_array())
      fail("a value has no name");
    for (const json &byte : value) {
      uint64_t code = count(byte);
      if (code > 255)
        fail("a name has bytes above 255");
      bytes += static_cast<char>(code);
    }
    return bytes;
  }
  Range range(const json &value, double largest = kLargest) {
    if (!value.is_array() || value.size() != 2) {
      fail("a range is not a pair of numbers");
      return {};
    }
    Range out{number(value[0], largest), number(value[1], largest)};
    if (out.low > out.high)
      fail("a range ends before it begins");
    return out;
  }
  std::vector<Range> ranges(const json &from, const char *key) {
    std::vector<Range> out;
    for (const json &value : list(from, key))
      out.push_back(range(value));
    return out;
  }
  std::vector<double> numbers(const json &from, const char *key) {
    std::vector<double> out;
    for (const json &value : list(from, key))
      out.push_back(number(value));
    return out;
  }
  Histogram histogram(const json &value) {
    Histogram out;
    out.range = range(member(value, "range"), 2 * kLargest); // whole bins
    const json &counts = list(value, "counts");
    if (counts.empty() || counts.size() > kMaxBins || out.range.low > 0 || out.range.high < 0)
      fail("a histogram has no bins, too many, or does not contain zero");
    else if (out.range.high - out.range.low < kNarrowestBin * static_cast<double>(counts.size()))
      fail("the bins of a histogram have no width");
    for (const json &each : counts)
      out.counts.push_back(count(each));
    return out;
  }
  Observation observation(const json &entry) {
    Observation out;
    double axis = number(member(entry, "axis"));
    if (axis != -1 && axis != 1)
      fail("'axis' is neither -1 nor 1");
    out.axis = axis == 1 ? 1 : -1;
    out.samples = count(member(entry, "samples"));
    out.seen = ranges(entry, "seen");
    out.averaged = ranges(entry, "averaged");
    out.mean = numbers(entry, "mean");
    out.deviation = numbers(entry, "deviation");
    if (std::ranges::any_of(out.deviation, [](double each) { return each < 0; }))
      fail("a deviation is negative");
    for (const json &value : list(entry, "histograms"))
      out.histograms.push_back(histogram(value));
    size_t size = out.seen.size();
    if (size == 0 || (out.axis < 0 && size != 1) || out.averaged.size() != size ||
        (!out.histograms.empty() && out.histograms.size() != size) ||
        out.deviation.size() != out.mean.size() || (out.axis == 1 && out.mean.size() != size))
      fail("its lists have different lengths");
    return out;
  }

  std::string path_, name_, mistake_;
};

} // namespace

Expected<void> Calibration::save(const std::filesystem::path &path) const {
  json root = {{"format", kFormat},
               {"version", 1},
               {"method", name(method)},
               {"percentile", percentile},
               {"values", json::array()}};
  for (const auto &[name, observation] : observations_)
    root["values"].push_back(toJson(name, observation));
  // Beside the file first, so that no half-written table is ever seen under its name.
  DeferSignals deferred;
  std::filesystem::path beside = path;
  beside += "." + std::to_string(getpid()) + ".part";
  std::ofstream out(beside, std::ios::binary);
  out << root.dump() << '\n';
  out.close();
  std::error_code status;
  if (out)
    std::filesystem::rename(beside, path, status);
  if (out && !status)
    return {};
  std::filesystem::remove(beside, status);
  return error("cannot write the calibration table", path.string());
}

Expected<Calibration> Calibration::load(const std::filesystem::path &path) {
  std::error_code status;
  if (!std::filesystem::is_regular_file(path, status))
    return error("there is no such calibration table", path.string());
  if (std::filesystem::file_size(path, status) > kMaxFile || status)
    return error("the calibration table is larger than 1 GiB", path.string());
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in)
    return error("cannot read the calibration table", path.string());
  return parse(text, path.string());
}

Expected<Calibration> Calibration::parse(std::string_view text, const std::string &source) {
  json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (root.is_discarded())
    return error("the calibration table is not JSON", source);
  return Reader(source).read(root);
}

} // namespace edgecc
