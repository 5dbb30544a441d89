#include "driver/report/ReportHtml.h"

#include "driver/Console.h"
#include "driver/report/Html.h"
#include "driver/report/LayerTable.h"
#include "driver/report/Page.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>

namespace edgecc::driver {

namespace {

using html::card;
using html::escape;
using html::named;

// "3.9× smaller than 1.2 MB"
std::string comparedWith(double before, double after, const char *less, const char *more,
                         const std::string &shownBefore) {
  if (before <= 0 || after <= 0)
    return "";
  double ratio = before / after;
  if (std::abs(ratio - 1) < 0.005)
    return "as before";
  return ratio > 1 ? fmt::format("{:.2f}× {} than {}", ratio, less, shownBefore)
                   : fmt::format("{:.2f}× {} than {}", 1 / ratio, more, shownBefore);
}

std::string bytesCard(std::string_view label, const Report &report,
                      const std::optional<int64_t> &before, const std::optional<int64_t> &after) {
  if (!after)
    return "";
  auto shown = [](int64_t bytes) { return formatBytes(static_cast<double>(bytes)); };
  return card(label, shown(*after),
              report.isCompressed && before
                  ? comparedWith(static_cast<double>(*before), static_cast<double>(*after),
                                 "smaller", "larger", shown(*before))
                  : "");
}

std::string accuracyCards(const Report &report) {
  std::string out;
  if (report.score) {
    const Score &score = *report.score;
    std::string change =
        std::abs(score.loss()) < 0.005
            ? std::string("as the float model")
            : fmt::format("{:+.2f} from the float model's {:.2f}", -score.loss(), score.original);
    out += card(escape(score.metric), fmt::format("{:.2f}", score.compressed),
                fmt::format("{}, {} samples", change, score.samples));
  }
  if (report.outputs.empty())
    return out;
  auto worst = std::ranges::min_element(report.outputs, {}, [](const ReportedOutput &output) {
    double sqnr = output.difference.sqnr();
    return std::isnan(sqnr) ? -INFINITY : sqnr;
  });
  double sqnr = worst->difference.sqnr();
  std::string of =
      report.outputs.size() > 1 ? fmt::format("worst of {} outputs, ", report.outputs.size()) : "";
  return out + card("Output SQNR",
                    html::decibels(sqnr) + (std::isfinite(sqnr) ? " <small>dB</small>" : ""),
                    fmt::format("{}{} samples", of, report.noiseSamples));
}

std::string costCards(const Report &report) {
  std::string out;
  if (report.after.ns)
    out += card("Time of a run", formatTime(*report.after.ns),
                report.before.ns ? comparedWith(*report.before.ns, *report.after.ns, "faster",
                                                "slower", formatTime(*report.before.ns))
                                 : "median, one thread");
  out += bytesCard("Compiled model", report, report.before.fileBytes, report.after.fileBytes);
  out += bytesCard("Weights", report, report.before.parameterBytes, report.after.parameterBytes);
  out += bytesCard("Working memory", report, report.before.arenaBytes, report.after.arenaBytes);
  auto macs = [](int64_t count) { return formatCount(static_cast<double>(count)); };
  out += card("Multiply-accumulates", macs(report.after.macs),
              report.isCompressed ? comparedWith(static_cast<double>(report.before.macs),
                                                 static_cast<double>(report.after.macs), "fewer",
                                                 "more", macs(report.before.macs))
                                  : "");
  return out;
}

// "x86-64 (avx2 ...)": the features are in a tooltip.
std::string targetWithFeatures(const std::string &target) {
  return fmt::format("<span title=\"{}\">{}</span>", escape(target),
                     escape(target.substr(0, target.find(" ("))));
}

std::string header(const Report &report) {
  std::string title = std::filesystem::path(report.input).filename().string();
  std::string out = html::pageStart(title);
  out += fmt::format("<div class=\"soft\">{} to {} ({}) for {}</div>\n",
                     report.isCompressed ? "Compressed" : "Compiled",
                     named(std::filesystem::path(report.output).filename().string()),
                     formatBytes(static_cast<double>(report.writtenBytes)),
                     targetWithFeatures(report.target));
  if (!report.settings.empty()) {
    out += "<ul class=\"settings\">";
    for (const auto &[option, value] : report.settings)
      out += fmt::format("<li>{} <b class=\"name\">{}</b></li>", escape(option), escape(value));
    out += "</ul>\n";
  }
  out += "</header>\n<section class=\"cards\" aria-label=\"The whole model\">\n" +
         accuracyCards(report) + costCards(report) + "</section>\n";
  if (!report.warnings.empty()) {
    out += "<ul class=\"warnings\">";
    for (const std::string &warning : report.warnings)
      out += "<li>" + named(warning) + "</li>\n";
    out += "</ul>\n";
  }
  return out;
}

std::string drawing(const Observation &values, const std::optional<Range> &covered,
                    const std::string &title) {
  if (values.histograms.empty())
    return "";
  return "<div>" + title + html::histogramChart(values.histograms[0], covered, title) + "</div>";
}

std::string worstLayers(const Report &report) {
  if (report.worst.empty())
    return "";
  std::string out =
      "<section>\n<h2>Where accuracy is lost</h2>\n<p class=\"lead\">The layers that "
      "add the most noise by themselves, the worst first.</p>\n<ol class=\"worst\">\n";
  for (size_t i : report.worst) {
    const ReportedLayer &layer = report.layers[i];
    out += fmt::format("<li><div class=\"title\">{}. {}</div><div class=\"under\">{} · {}</div>",
                       i + 1, named(layer.name), escape(layer.op), html::typesOf(layer));
    out += fmt::format("<div class=\"numbers\"><div><b>{}</b> dB<span>alone</span></div>"
                       "<div><b>{}</b> dB<span>accumulated</span></div></div>",
                       html::decibels(layer.noise->alone->sqnr()),
                       html::decibels(layer.noise->accumulated.sqnr()));
    if (!layer.suggestion.empty())
      out += "<p class=\"why\">" + escape(html::sentence(layer.suggestion)) + "</p>";
    out += "<div class=\"drawings\">";
    if (layer.weights)
      out += drawing(layer.weights->values, std::nullopt, "weights");
    out += drawing(layer.activation.values, layer.activation.covered, "output");
    out += "</div></li>\n";
  }
  return out + "</ol>\n</section>\n";
}

std::string noiseSection(const Report &report) {
  std::vector<html::NoisePoint> points;
  for (const ReportedLayer &layer : report.layers)
    if (layer.noise) {
      html::NoisePoint point{layer.name, layer.noise->accumulated.sqnr(), std::nullopt};
      if (layer.noise->alone)
        point.alone = layer.noise->alone->sqnr();
      points.push_back(std::move(point));
    }
  if (points.empty())
    return "";
  return "<section class=\"whole\">\n<h2>Noise along the network</h2>\n<p class=\"lead\">Signal to "
         "quantisation "
         "noise at each layer's output in dB; more is better. Values are capped at 80.</p>\n"
         "<div class=\"legend\"><span><svg viewBox=\"0 0 14 10\" aria-hidden=\"true\"><circle "
         "class=\"accumulated\" cx=\"7\" cy=\"5\" r=\"4\"/></svg>accumulated: the compressed model "
         "as it is</span><span><svg viewBox=\"0 0 14 10\" aria-hidden=\"true\"><path "
         "class=\"alone\" d=\"M7 0l5 5l-5 5l-5 -5z\"/></svg>alone: only this layer is compressed"
         "</span></div>\n<div class=\"figure\">" +
         html::noiseChart(points) + "</div>\n</section>\n";
}

std::string timeSection(const Report &report) {
  constexpr size_t kShown = 24;
  std::vector<html::TimeBar> bars;
  for (const ReportedLayer &layer : report.layers)
    if (layer.nsAfter && std::max(*layer.nsAfter, layer.nsBefore.value_or(0)) > 0)
      bars.push_back({layer.name, layer.nsBefore, *layer.nsAfter});
  if (bars.empty())
    return "";
  std::ranges::stable_sort(bars, std::ranges::greater(), [](const html::TimeBar &bar) {
    return std::max(bar.after, bar.before.value_or(0));
  });
  size_t all = bars.size();
  bars.resize(std::min(kShown, all));
  std::string out = "<section class=\"whole\">\n<h2>Time of each layer</h2>\n<p "
                    "class=\"lead\">Medians of runs of "
                    "both versions in turn, on one thread";
  if (!report.isCompressed)
    out = "<section class=\"whole\">\n<h2>Time of each layer</h2>\n<p class=\"lead\">Medians on "
          "one thread";
  if (bars.size() < all)
    out += fmt::format("; the slowest {} of {}", bars.size(), all);
  out += ".</p>\n";
  if (report.isCompressed)
    out += "<div class=\"legend\"><span><svg viewBox=\"0 0 14 10\" aria-hidden=\"true\"><rect "
           "class=\"before\" width=\"14\" height=\"8\" y=\"1\"/></svg>before, in floating point"
           "</span><span><svg viewBox=\"0 0 14 10\" aria-hidden=\"true\"><rect class=\"after\" "
           "width=\"14\" height=\"8\" y=\"1\"/></svg>after, with the gain in speed</span></div>\n";
  return out + "<div class=\"figure\">" + html::timeChart(bars) + "</div>\n</section>\n";
}

std::string notesSection(const Report &report) {
  if (report.notes.empty())
    return "";
  std::string out = "<section>\n<h2>Notes</h2>\n<ul class=\"notes\">\n";
  for (const Note &note : report.notes)
    out += fmt::format("<li><b>{}</b> {}{}</li>\n", escape(note.pass),
                       note.layer.empty() ? "" : named(note.layer) + ": ", named(note.text));
  return out + "</ul>\n</section>\n";
}

constexpr char kExplanation[] = R"html(<section class="whole">
<h2>How to read this</h2>
<dl>
<dt>accumulated</dt><dd>Energy of the float model's values over that of the difference, at this
layer's output in the compressed model, which has the noise of all layers in front of it.</dd>
<dt>alone</dt><dd>The same where only this layer is compressed and its inputs are the float
model's.</dd>
<dt>dB</dt><dd>20 dB: the error is a tenth of the values; 40 dB: a hundredth. A bit is 6 dB.</dd>
<dt>units</dt><dd>Ranges, histograms and noise are in the original model's units: channels that
were scaled are scaled back, and channels that were removed do not count.</dd>
<dt>time</dt><dd>A kernel often computes several nodes. Its time is shared among them by their
multiply-accumulates, so that an activation function behind a convolution shows none.</dd>
<dt>histograms</dt><dd>Counts on a square-root scale; orange is what the integers do not cover.</dd>
</dl>
</section>
)html";

} // namespace

std::string reportAsHtml(const Report &report) {
  return header(report) + worstLayers(report) + noiseSection(report) + timeSection(report) +
         html::layerTable(report) + notesSection(report) + kExplanation + html::pageEnd();
}

} // namespace edgecc::driver
