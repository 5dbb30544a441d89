#include "driver/Console.h"
#include "driver/device/DeviceFacts.h"
#include "driver/device/report/Charts.h"
#include "driver/device/report/Roofline.h"
#include "driver/report/Html.h"
#include "driver/report/Page.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

namespace edgecc::driver {

namespace {

using html::card;
using html::escape;
using html::named;

std::string microseconds(double us) { return formatTime(us * 1e3); }
std::string byteCount(uint64_t bytes) { return formatBytes(static_cast<double>(bytes)); }

std::string cell(double value, const std::string &shown, std::string_view style = "") {
  return fmt::format("<td data-v=\"{:g}\"{}>{}</td>", value,
                     style.empty() ? "" : fmt::format(" class=\"{}\"", style), shown);
}

std::string section(std::string_view title, std::string_view lead, const std::string &content,
                    bool whole = true) {
  if (content.empty())
    return "";
  return fmt::format("<section{}>\n<h2>{}</h2>\n<p class=\"lead\">{}</p>\n{}</section>\n",
                     whole ? " class=\"whole\"" : "", title, lead, content);
}

std::string sentences(const std::vector<std::string> &texts, std::string_view style) {
  std::string out;
  for (const std::string &text : texts)
    out += "<li>" + named(text) + "</li>\n";
  return out.empty() ? "" : fmt::format("<ul class=\"{}\">\n{}</ul>\n", style, out);
}

std::string cards(const DeviceReport &report) {
  const emulator::RunReport &m = report.measured;
  const emulator::ProgramT &program = *report.program;
  std::string sides =
      program.scheduled
          ? fmt::format("{} stream{}", m.streams, m.streams == 1 ? "" : "s")
          : fmt::format("{} context{}, batch {}", m.contexts, m.contexts == 1 ? "" : "s", m.batch);
  uint64_t macs = 0;
  for (const emulator::LayerUse &layer : m.layers)
    macs += layer.macs;
  double share = m.fps * static_cast<double>(macs) / peakMacsPerSecond(*program.device);
  std::string out = "<section class=\"cards\" aria-label=\"The whole model\">\n";
  out += card("Frame rate", fmt::format("{:.1f} <small>/s</small>", m.fps), sides);
  out += card("Latency", microseconds(m.latencyUs), "one frame alone on the device");
  out += card("Energy of a frame", fmt::format("{:.2f} <small>mJ</small>", m.energyUj / 1e3),
              fmt::format("{:.2f} W at the full rate", wattsAt(program, m, m.fps)));
  out += card("Multiply-accumulates", formatCount(static_cast<double>(macs)),
              fmt::format("{:.0f} % of the machine's peak", 100 * share));
  out += card("On the chip", byteCount(peakOnChip(program, m)), "at the fullest moment");
  uint64_t off = bytesOf(program, m, true);
  out += card(
      "Off the chip", byteCount(off),
      fmt::format("a frame; {}/s at the full rate", formatBytes(static_cast<double>(off) * m.fps)));
  out += card("Weights", byteCount(static_cast<uint64_t>(report.weightsBytes)), "");
  if (const auto &estimate = program.estimate)
    out += card("Mapper's estimate", fmt::format("{:.1f} <small>/s</small>", estimate->fps),
                fmt::format("{:.2f} ms; the rest is the emulator's count", estimate->latency_ms));
  return out + "</section>\n";
}

std::string budgetSection(const DeviceReport &report) {
  std::vector<std::string> texts = describe(report.budget, *report.program);
  std::string out;
  for (size_t i = 0; i < texts.size(); ++i)
    out += fmt::format("<li class=\"{}\">{}</li>\n", report.budget[i].pass ? "good" : "bad",
                       named(texts[i]));
  if (!out.empty())
    out = "<ul class=\"advice\">\n" + out + "</ul>\n";
  return section("Budget", "What was asked for, and the layers with the largest parts of it.", out);
}

std::string helpSection(const DeviceReport &report) {
  std::string out = "<p>Limited by " + named(report.measured.bottleneck) + ".</p>\n";
  auto list = [&](const char *title, const std::vector<WhatIf> &all) {
    std::vector<std::string> texts;
    for (const WhatIf &each : all)
      texts.push_back(sentenceOf(each, report.measured));
    if (!texts.empty())
      out += fmt::format("<p class=\"soft\">{}</p>\n", title) + sentences(texts, "advice");
  };
  list("The same model, mapped again:", report.options);
  list("The same program on a better machine; what gains nothing does not limit:", report.machines);
  if (!report.advice.empty())
    out += "<p class=\"soft\">Layers:</p>\n" + sentences(report.advice, "advice");
  return section("What limits the frame rate, and what would help",
                 "Each line was mapped and measured anew, but for those about fewer channels.", out,
                 false);
}

std::string enginesTable(const DeviceReport &report) {
  std::string out;
  for (const emulator::EngineUse &engine : report.measured.engines)
    out += fmt::format("<tr><td class=\"left\">{}</td>{}</tr>\n", named(engine.name),
                       cell(engine.busy, fmt::format("{:.0f} %", 100 * engine.busy)));
  if (out.empty())
    return "";
  return "<div class=\"scroll\"><table class=\"sortable plain\">\n<thead><tr><th class=\"left\">"
         "engine</th><th>busy</th></tr></thead>\n<tbody>\n" +
         out + "</tbody></table></div>\n";
}

std::string memoriesTable(const DeviceReport &report) {
  std::string out;
  for (const emulator::MemoryUse &memory : report.measured.memories)
    out += fmt::format(
        "<tr><td class=\"left\">{}</td>{}{}{}{}{}</tr>\n", named(memory.name),
        cell(static_cast<double>(memory.capacity),
             memory.capacity ? byteCount(memory.capacity) : ""),
        cell(static_cast<double>(memory.peak), memory.capacity ? byteCount(memory.peak) : ""),
        cell(static_cast<double>(memory.read), byteCount(memory.read)),
        cell(static_cast<double>(memory.written), byteCount(memory.written)),
        cell(memory.busy, fmt::format("{:.0f} %", 100 * memory.busy)));
  return "<div class=\"scroll\"><table class=\"sortable plain\">\n<thead><tr><th class=\"left\">"
         "memory</th><th>capacity</th><th>peak</th><th>read<br>a frame</th><th>written<br>a "
         "frame</th><th>bandwidth<br>in use</th></tr></thead>\n<tbody>\n" +
         out + "</tbody></table></div>\n";
}

std::string memorySection(const DeviceReport &report) {
  std::string charts;
  // One context lies where it lies: the table says it all.
  bool changes = report.program->scheduled || report.measured.contexts > 1;
  for (size_t i = 0; changes && i < report.measured.memories.size(); ++i)
    if (std::string chart = html::occupancyChart(report, i); !chart.empty())
      charts += "<div class=\"figure\"><h3>" + named(report.measured.memories[i].name) + "</h3>" +
                chart + "</div>\n";
  std::string lead =
      report.program->scheduled
          ? "Live bytes while one frame runs, of one stream, with what vector units "
            "lock. The orange line is the capacity."
          : "Weights and row buffers of the contexts, which lie where they lie while "
            "a context is there.";
  if (!charts.empty())
    charts = "<div class=\"memories\">\n" + charts + "</div>\n";
  return section("Memory over time", lead, memoriesTable(report) + charts, false);
}

std::string rooflineSection(const DeviceReport &report) {
  std::string chart = html::rooflineChart(report);
  if (chart.empty())
    return "";
  return section(
      "Roofline",
      "How much a layer multiplies for each byte that it moves, and how fast. A layer under a "
      "slanting roof is limited by that memory, under the flat one by the engines.",
      "<div class=\"legend\"><span><svg viewBox=\"0 0 14 10\" aria-hidden=\"true\"><circle "
      "class=\"accumulated\" cx=\"7\" cy=\"5\" r=\"4\"/></svg>bytes on the chip</span><span><svg "
      "viewBox=\"0 0 14 10\" aria-hidden=\"true\"><path class=\"alone\" d=\"M7 0l5 5l-5 5l-5 "
      "-5z\"/>"
      "</svg>bytes off the chip</span></div>\n<div class=\"figure\">" +
          chart + "</div>\n");
}

std::string layerRow(const DeviceReport &report, size_t i) {
  const emulator::LayerT &layer = *report.program->layers[i];
  const emulator::LayerUse &use = report.measured.layers[i];
  std::string nodes;
  for (const std::string &node : layer.nodes)
    if (node != layer.name)
      nodes += (nodes.empty() ? "" : ", ") + node;
  std::string out =
      fmt::format("<tr{}>{}<td class=\"left\" data-v=\"{}\"><div class=\"layer name\">{}</div><div "
                  "class=\"under\">{} {}</div>{}</td>",
                  use.macs == 0 ? " class=\"minor\"" : "",
                  cell(static_cast<double>(i + 1), std::to_string(i + 1)), escape(layer.name),
                  escape(layer.name), escape(layer.op), escape(layer.type),
                  nodes.empty() ? "" : "<div class=\"under\">computes " + named(nodes) + "</div>");
  out += cell(use.busyUs, microseconds(use.busyUs));
  out += cell(use.stalledUs, use.stalledUs > 0.05 ? microseconds(use.stalledUs) : "");
  out += cell(static_cast<double>(use.macs),
              use.macs ? formatCount(static_cast<double>(use.macs)) : "");
  out += cell(use.utilization, fmt::format("{:.0f} %", 100 * use.utilization));
  if (report.program->scheduled) {
    for (uint64_t bytes : use.bytes)
      out += cell(static_cast<double>(bytes), bytes ? byteCount(bytes) : "");
  } else {
    for (bool offChip : {false, true}) {
      uint64_t bytes = bytesOf(*report.program, report.measured, use, offChip);
      out += cell(static_cast<double>(bytes), bytes ? byteCount(bytes) : "");
    }
  }
  out += cell(use.energyUj, fmt::format("{:.2f}", use.energyUj));
  return out + "<td class=\"left\">" + escape(limitOf(*report.program, report.measured, i)) +
         "</td></tr>\n";
}

std::string layersSection(const DeviceReport &report) {
  std::string out = "<div class=\"scroll\"><table class=\"sortable\">\n<thead><tr><th>#</th><th "
                    "class=\"left\">layer</th><th>time</th><th>waiting</th><th>MACs</th><th>of "
                    "its<br>peak</th>";
  if (report.program->scheduled)
    for (const emulator::MemoryUse &memory : report.measured.memories)
      out += "<th>" + escape(memory.name) + "<br>bytes</th>";
  else
    out += "<th>bytes on<br>the chip</th><th>over the<br>link</th>";
  out += "<th>energy<br>uJ</th><th class=\"left\">limited by</th></tr></thead>\n<tbody>\n";
  for (size_t i = 0; i < report.measured.layers.size(); ++i)
    out += layerRow(report, i);
  return section("All layers",
                 "Of one frame, in the program's order. A click on a column's head sorts by it.",
                 out + "</tbody></table></div>\n", false);
}

std::string hostSection(const DeviceReport &report) {
  std::string out;
  for (const HostOp &op : report.hostOps)
    out += fmt::format("<li>{}: {}</li>\n", named(op.node), escape(op.reason));
  if (!out.empty())
    out = "<ul class=\"notes\">\n" + out + "</ul>\n";
  return section("On the host", "Ops that the device cannot run, and the rule that each breaks.",
                 out, false);
}

std::string header(const DeviceReport &report) {
  const emulator::DeviceT &device = *report.program->device;
  std::string file = std::filesystem::path(report.input).filename().string();
  std::string out = html::pageStart(file, html::kChartStyle);
  out += fmt::format("<div class=\"soft\">Compiled to {} ({}) for {}</div>\n",
                     named(std::filesystem::path(report.output).filename().string()),
                     formatBytes(static_cast<double>(report.fileBytes)),
                     named(device.title.empty() ? device.name : device.title));
  out += "<ul class=\"settings\">";
  for (const auto &[option, value] : report.settings)
    out += fmt::format("<li>{} {}</li>", escape(option), "<b>" + named(value) + "</b>");
  out += "</ul>\n</header>\n" + cards(report);
  return out + sentences(report.warnings, "warnings");
}

constexpr char kExplanation[] = R"html(<section class="whole">
<h2>How to read this</h2>
<dl>
<dt>time</dt><dd>What a layer keeps its engine (its sub-clusters) busy for in one frame. Layers
overlap, so times do not add up to the latency.</dd>
<dt>waiting</dt><dd>The part of it, or the time beside it, in which a layer waits for memory, for
rows or for room.</dd>
<dt>of its peak</dt><dd>What was done of what its engine could do in that time.</dd>
<dt>energy</dt><dd>Of the layer's work and data movement, from the figures of the device's
description; what the chip always draws is in the whole model's number alone.</dd>
<dt>frame rate</dt><dd>Counted by the emulator in steady state; no chip was measured.</dd>
</dl>
</section>
)html";

} // namespace

std::string deviceReportAsHtml(const DeviceReport &report) {
  std::string timeline = html::timelineChart(report);
  if (!timeline.empty())
    timeline = "<div class=\"figure\">" + timeline + "</div>\n" + enginesTable(report);
  return header(report) + budgetSection(report) + helpSection(report) +
         section("Timeline",
                 report.program->scheduled
                     ? "The engines in the first frames. Colours tell neighbouring layers apart; "
                       "names are in the tooltips."
                     : "Each layer's rows of the first frames. Colours tell frames apart.",
                 timeline, false) +
         memorySection(report) + rooflineSection(report) + layersSection(report) +
         hostSection(report) +
         section("Notes", "From the compiler's passes and the mapper.",
                 sentences(report.notes, "notes"), false) +
         kExplanation + html::pageEnd();
}

} // namespace edgecc::driver
