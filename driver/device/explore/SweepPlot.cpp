#include "driver/device/explore/SweepPlot.h"

#include "driver/Console.h"
#include "driver/report/Html.h"
#include "driver/report/ReportStyle.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace edgecc::driver {

namespace {

std::string nameOf(const SweepPoint &point) {
  std::string text;
  for (const auto &[axis, value] : point)
    text += (text.empty() ? "" : ", ") + axis + "=" + value;
  return text;
}

// A logarithmic axis over positive values.
class LogAxis {
public:
  LogAxis(double low, double high, double from, double to)
      : low_(std::log(low)), high_(std::log(high)), from_(from), to_(to) {
    double margin = std::max((high_ - low_) * 0.06, 0.05);
    low_ -= margin;
    high_ += margin;
  }
  double at(double value) const {
    return from_ + (std::log(value) - low_) / (high_ - low_) * (to_ - from_);
  }
  // 1, 2, 5, 10, ... inside the axis; all digits where it is shorter than a decade.
  std::vector<double> ticks() const {
    std::vector<double> out;
    for (int decade = static_cast<int>(std::floor(low_ / std::log(10.0)));
         decade <= static_cast<int>(std::ceil(high_ / std::log(10.0))); ++decade)
      for (int digit : {1, 2, 3, 4, 5, 6, 7, 8, 9}) {
        if (high_ - low_ > std::log(10.0) && digit != 1 && digit != 2 && digit != 5)
          continue;
        double value = digit * std::pow(10.0, decade);
        if (std::log(value) >= low_ && std::log(value) <= high_)
          out.push_back(value);
      }
    return out;
  }

private:
  double low_, high_, from_, to_;
};

std::string plot(const std::vector<SweepResult> &results, const std::vector<size_t> &front) {
  constexpr double kWidth = 860, kHeight = 420, kLeft = 70, kBottom = 50, kTop = 12, kRight = 12;
  double lowX = INFINITY, highX = 0, lowY = INFINITY, highY = 0;
  for (const SweepResult &result : results)
    if (result.failure.empty() && result.energyMj > 0 && result.fps > 0) {
      lowX = std::min(lowX, result.energyMj);
      highX = std::max(highX, result.energyMj);
      lowY = std::min(lowY, result.fps);
      highY = std::max(highY, result.fps);
    }
  if (!(highX > 0) || !(highY > 0))
    return "<p>No point compiled.</p>";
  LogAxis x(lowX, highX, kLeft, kWidth - kRight), y(lowY, highY, kHeight - kBottom, kTop);
  std::string svg =
      fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"frame rate over "
                  "energy\" style=\"width:100%;font:12px sans-serif\">",
                  kWidth, kHeight);
  for (double tick : x.ticks())
    svg +=
        fmt::format("<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\" "
                    "stroke=\"var(--rule)\"/><text x=\"{0:.1f}\" y=\"{3}\" text-anchor=\"middle\" "
                    "fill=\"var(--soft)\">{4:g}</text>",
                    x.at(tick), kTop, kHeight - kBottom, kHeight - kBottom + 16, tick);
  for (double tick : y.ticks())
    svg += fmt::format("<line x1=\"{1}\" x2=\"{2}\" y1=\"{0:.1f}\" y2=\"{0:.1f}\" "
                       "stroke=\"var(--rule)\"/><text x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\" "
                       "fill=\"var(--soft)\">{5:g}</text>",
                       y.at(tick), kLeft, kWidth - kRight, kLeft - 6, y.at(tick) + 4, tick);
  svg +=
      fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"var(--ink)\">energy of a "
                  "frame (mJ)</text>",
                  (kLeft + kWidth) / 2, kHeight - 10);
  svg += fmt::format("<text transform=\"translate(16 {}) rotate(-90)\" text-anchor=\"middle\" "
                     "fill=\"var(--ink)\">frames a second</text>",
                     (kHeight - kBottom) / 2);
  std::vector<size_t> ordered = front;
  std::ranges::sort(ordered, {}, [&](size_t i) { return results[i].energyMj; });
  std::string line;
  for (size_t i : ordered)
    line += fmt::format("{:.1f},{:.1f} ", x.at(results[i].energyMj), y.at(results[i].fps));
  svg += "<polyline fill=\"none\" stroke=\"var(--accent)\" points=\"" + line + "\"/>";
  for (size_t i = 0; i < results.size(); ++i) {
    const SweepResult &result = results[i];
    if (!result.failure.empty() || !(result.energyMj > 0) || !(result.fps > 0))
      continue;
    bool isBest = std::ranges::find(front, i) != front.end();
    svg +=
        fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\" fill=\"{}\"><title>{}: {:.1f} "
                    "frames a second, {:.2f} ms, {:.2f} mJ</title></circle>",
                    x.at(result.energyMj), y.at(result.fps), isBest ? 5 : 3.5,
                    isBest ? "var(--accent)" : "var(--quiet)", html::escape(nameOf(result.point)),
                    result.fps, result.latencyMs, result.energyMj);
  }
  return svg + "</svg>";
}

} // namespace

std::string sweepPage(const std::string &title, const std::vector<SweepResult> &results) {
  std::vector<size_t> front = paretoFront(results);
  std::string page =
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>" +
      html::escape(title) + "</title><style>" + html::kStyle +
      "td:first-child, td:last-child, th.text { text-align: left; white-space: normal; }"
      "</style></head><body><h1>" +
      html::escape(title) +
      "</h1><p class=\"lead\">Each dot is one compile; blue ones are beaten by no other "
      "in latency, frame rate, energy and score at once.</p>" +
      plot(results, front) +
      "<table><thead><tr><th>options</th><th>ms</th><th>fps</th><th>mJ</th><th>bytes a "
      "frame</th><th>peak memory</th><th>file</th><th>contexts</th><th>score</th>"
      "<th class=\"text\">limited by</th></tr></thead><tbody>";
  for (size_t i = 0; i < results.size(); ++i) {
    const SweepResult &r = results[i];
    bool isBest = std::ranges::find(front, i) != front.end();
    page += fmt::format("<tr><td>{}{}</td>", isBest ? "★ " : "", html::escape(nameOf(r.point)));
    page += r.failure.empty()
                ? fmt::format("<td>{:.2f}</td><td>{:.1f}</td><td>{:.2f}</td><td>{}</td><td>{}</td>"
                              "<td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                              r.latencyMs, r.fps, r.energyMj, formatBytes(r.bytesPerFrame),
                              formatBytes(r.peakBytes), formatBytes(r.fileBytes), r.contexts,
                              r.score ? fmt::format("{:.2f}", *r.score) : "",
                              html::escape(r.bottleneck))
                : "<td colspan=\"9\">" + html::escape(r.failure) + "</td></tr>";
  }
  return page + "</tbody></table></body></html>\n";
}

} // namespace edgecc::driver
