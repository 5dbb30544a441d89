#include "driver/report/LayerTable.h"

#include "driver/Console.h"
#include "driver/report/Html.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace edgecc::driver::html {

namespace {

std::string cell(double value, const std::string &shown, std::string_view style = "") {
  return fmt::format("<td data-v=\"{:g}\"{}>{}</td>", value,
                     style.empty() ? "" : fmt::format(" class=\"{}\"", style), shown);
}

constexpr char kNoCell[] = "<td></td>";

constexpr double kBad = 20; // dB: the error is a tenth of the signal

std::string noiseCell(const Difference &difference) {
  double sqnr = difference.sqnr();
  double order = std::isnan(sqnr) ? -1e9 : std::clamp(sqnr, -1e9, 1e9);
  return cell(order, decibels(sqnr), order < kBad ? "bad" : "");
}

// What it is now over what it was.
std::string stacked(const std::string &before, const std::string &after) {
  return before == after ? after : after + "<div class=\"was\">" + before + "</div>";
}

std::string countCell(int64_t before, int64_t after, std::string (*format)(double)) {
  if (before == 0 && after == 0)
    return kNoCell;
  return cell(static_cast<double>(after),
              stacked(format(static_cast<double>(before)), format(static_cast<double>(after))));
}

std::string rangeOf(const Observation &values) {
  if (values.seen.empty())
    return kNoCell;
  Range seen = values.seen[0];
  return cell(seen.high - seen.low, fmt::format("{:.3g} … {:.3g}", seen.low, seen.high));
}

// Of a layer's data and weights, before and after.
std::pair<std::string, std::string> types(const ReportedLayer &layer) {
  std::string before(name(layer.activationsBefore)), after(name(layer.activationsAfter));
  if (layer.weights) {
    before += " × " + std::string(name(layer.weights->before));
    after += " × " + std::string(name(layer.weights->after));
  }
  return {before, after};
}

class LayerTable {
public:
  explicit LayerTable(const Report &report) : report_(report) {
    for (const ReportedLayer &layer : report.layers) {
      hasNoise_ |= layer.noise.has_value();
      hasTimes_ |= layer.nsAfter.has_value();
      hasChannels_ |= isPruned(layer);
    }
  }

  std::string section() const {
    std::string out = "<section>\n<h2>All layers</h2>\n<p class=\"lead\">In order of execution";
    out += "; small print is what it was before. A click on a column's head sorts by it.</p>\n<div "
           "class=\"scroll\">"
           "<table class=\"sortable\">\n<thead><tr><th>#</th><th class=\"left\">layer</th>"
           "<th>types</th>";
    if (hasNoise_)
      out += "<th>alone<br>dB</th><th>accumulated<br>dB</th><th>range of<br>the output</th>";
    if (hasChannels_)
      out += "<th>channels</th>";
    out += "<th>MACs</th><th>weights</th>";
    if (hasTimes_)
      out += report_.isCompressed ? "<th>time<br>before</th><th>time<br>after</th><th>gain</th>"
                                  : "<th>time</th>";
    out += "</tr></thead>\n<tbody>\n";
    for (size_t i = 0; i < report_.layers.size(); ++i)
      out += row(i + 1, report_.layers[i]);
    return out + "</tbody></table></div>\n</section>\n";
  }

private:
  static bool isPruned(const ReportedLayer &layer) {
    return layer.channels && layer.channels->before != layer.channels->after;
  }

  std::string row(size_t number, const ReportedLayer &layer) const {
    bool isMinor = layer.macsBefore == 0;
    std::string out = fmt::format("<tr{}>", isMinor ? " class=\"minor\"" : "");
    out += cell(static_cast<double>(number), std::to_string(number)) + nameCell(layer);
    auto [before, after] = types(layer);
    out += fmt::format("<td data-v=\"{}\">{}</td>", layer.isRemoved ? "" : after,
                       layer.isRemoved ? "removed" : stacked(before, after));
    if (hasNoise_)
      out += noiseCells(layer);
    if (hasChannels_)
      out += isPruned(layer) ? cell(static_cast<double>(layer.channels->after),
                                    stacked(std::to_string(layer.channels->before),
                                            std::to_string(layer.channels->after)))
                             : kNoCell;
    out += countCell(layer.macsBefore, layer.macsAfter, formatCount);
    out += layer.weights || layer.bytesBefore > 0
               ? countCell(layer.bytesBefore, layer.bytesAfter, formatBytes)
               : kNoCell; // scales alone
    if (hasTimes_)
      out += timeCells(layer);
    return out + "</tr>\n";
  }

  static std::string nameCell(const ReportedLayer &layer) {
    std::string out = fmt::format(
        "<td class=\"left\" data-v=\"{0}\"><div class=\"layer name\">{0}</div><div class=\"under\">"
        "{1} [{2}] <span class=\"name\">{3}</span></div>",
        escape(layer.name), escape(layer.op), fmt::join(layer.dims, "×"), escape(layer.tensor));
    if (layer.weights && !layer.weights->values.seen.empty()) {
      Range seen = layer.weights->values.seen[0];
      out += fmt::format("<div class=\"under\">weights [{}] in {:.3g} … {:.3g}{}</div>",
                         fmt::join(layer.weights->dims, "×"), seen.low, seen.high,
                         layer.weights->zeros > 0.2
                             ? fmt::format(", {:.0f} % zero", 100 * layer.weights->zeros)
                             : "");
    }
    for (const Note &note : layer.notes)
      out += fmt::format("<div class=\"note\">{}: <span class=\"name\">{}</span></div>",
                         escape(note.pass), escape(note.text));
    if (!layer.suggestion.empty() && layer.noise->alone && layer.noise->alone->sqnr() < kBad)
      out += "<div class=\"note\">→ " + escape(sentence(layer.suggestion)) + "</div>";
    return out + "</td>";
  }

  static std::string noiseCells(const ReportedLayer &layer) {
    if (!layer.noise)
      return fmt::format("{0}{0}{0}", kNoCell);
    std::string alone = layer.noise->alone ? noiseCell(*layer.noise->alone) : kNoCell;
    return alone + noiseCell(layer.noise->accumulated) + rangeOf(layer.activation.values);
  }

  std::string timeCells(const ReportedLayer &layer) const {
    auto shown = [](const std::optional<double> &ns) -> std::string {
      return ns && *ns > 0 ? cell(*ns, formatTime(*ns)) : kNoCell;
    };
    if (!report_.isCompressed)
      return shown(layer.nsAfter);
    std::string out = shown(layer.nsBefore) + shown(layer.nsAfter);
    if (!layer.nsBefore || !layer.nsAfter || *layer.nsBefore <= 0 || *layer.nsAfter <= 0)
      return out + kNoCell;
    double gain = *layer.nsBefore / *layer.nsAfter;
    return out + cell(gain, fmt::format("{:.2f}×", gain), gain < 0.95 ? "bad" : "");
  }

  const Report &report_;
  bool hasNoise_ = false, hasTimes_ = false, hasChannels_ = false;
};

} // namespace

std::string layerTable(const Report &report) { return LayerTable(report).section(); }

std::string typesOf(const ReportedLayer &layer) {
  auto [before, after] = types(layer);
  return before == after ? after : before + " → " + after;
}

std::string sentence(std::string text) {
  if (!text.empty())
    text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  if (!text.empty() && text.back() != '.')
    text += '.';
  return text;
}

} // namespace edgecc::driver::html
