// How the report's web page looks on a screen and on paper.
#pragma once

namespace edgecc::driver::html {

inline constexpr char kStyle[] = R"css(
:root {
  color-scheme: light dark;
  --page: #ffffff; --panel: #f5f6f8; --rule: #d9dde3; --ink: #1a1d23; --soft: #5a6270;
  --accent: #1f5fae; --second: #b4530a; --quiet: #9aa3b0; --bad: #b3261e; --good: #1c6b3f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171c; --panel: #1d2129; --rule: #343b47; --ink: #e6e9ee; --soft: #a3acba;
    --accent: #7db3f5; --second: #f0a35e; --quiet: #6c7686; --bad: #ff8f86; --good: #7fd0a0;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 32px 28px 64px; max-width: 1120px; background: var(--page);
  color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums;
}
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; font-weight: 650; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 44px 0 4px; font-weight: 650; }
p { margin: 4px 0 12px; }
.soft, .lead { color: var(--soft); }
.lead { max-width: 92ch; }
.name { unicode-bidi: isolate; overflow-wrap: anywhere; }
.settings { display: flex; flex-wrap: wrap; gap: 6px 20px; margin: 12px 0 0; padding: 0; list-style: none; }
.settings li { color: var(--soft); }
.settings b { color: var(--ink); font-weight: 600; }
.cards { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; margin: 24px 0 0; }
.card { background: var(--panel); border-radius: 8px; padding: 12px 16px 14px; break-inside: avoid; }
.card .label { color: var(--soft); font-size: 13px; }
.card .value { font-size: 25px; font-weight: 600; line-height: 1.3; white-space: nowrap; }
.card .value small { font-size: 15px; font-weight: 500; color: var(--soft); }
.card .detail { color: var(--soft); font-size: 13px; }
.warnings { border-left: 3px solid var(--second); margin: 24px 0 0; padding: 2px 0 2px 16px; list-style: none; }
.worst { display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 12px; padding: 0; list-style: none; }
.worst li { border: 1px solid var(--rule); border-radius: 8px; padding: 12px 16px; break-inside: avoid; display: flex; flex-direction: column; }
.worst .title { font-weight: 600; }
.worst .numbers { display: flex; gap: 24px; margin: 6px 0 2px; }
.worst .numbers b { font-size: 18px; font-weight: 600; }
.worst .numbers span { color: var(--soft); font-size: 13px; display: block; }
.worst .why { font-size: 14px; margin: 6px 0 8px; }
.worst .drawings { display: grid; grid-template-columns: 1fr 1fr; gap: 4px 16px; margin-top: auto; }
.worst .drawings div { font-size: 12px; color: var(--soft); }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font-size: 12px; }
svg.histogram text { font-size: 11px; }
.grid { stroke: var(--rule); stroke-width: 1; }
.axis { stroke: var(--quiet); stroke-width: 1; }
polyline.accumulated { fill: none; stroke: var(--accent); stroke-width: 1.6; }
circle.accumulated { fill: var(--accent); }
path.alone { fill: var(--second); }
rect.before { fill: var(--quiet); }
rect.after, rect.inside { fill: var(--accent); }
rect.outside { fill: var(--second); }
rect.hover { fill: transparent; }
g:hover > rect.hover { fill: var(--rule); fill-opacity: 0.35; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; font-size: 13px; color: var(--soft); margin: 6px 0 8px; }
.legend svg { display: inline-block; width: 14px; height: 10px; margin-right: 6px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; margin-top: 8px; }
th { text-align: right; font-weight: 600; color: var(--soft); padding: 6px 8px; border-bottom: 2px solid var(--rule); vertical-align: bottom; }
td { text-align: right; padding: 6px 8px; border-bottom: 1px solid var(--rule); vertical-align: top; white-space: nowrap; }
th.left, td.left { text-align: left; white-space: normal; }
td.left { min-width: 220px; }
th button { all: unset; cursor: pointer; }
th button:hover, th[aria-sort] { color: var(--accent); }
th button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
th[aria-sort=ascending] button::after { content: " ▲"; font-size: 10px; }
th[aria-sort=descending] button::after { content: " ▼"; font-size: 10px; }
tr.minor .layer { font-weight: 400; }
.layer { font-weight: 600; }
.under { color: var(--soft); font-size: 12.5px; }
.was { color: var(--soft); font-size: 12px; }
.note { font-size: 12.5px; color: var(--soft); max-width: 62ch; }
.bad { color: var(--bad); font-weight: 600; }
.good { color: var(--good); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; font-size: 14px; max-width: 90ch; }
dt { font-weight: 600; } dd { margin: 0; color: var(--soft); }
ul.notes { padding-left: 18px; font-size: 14px; }
@media (max-width: 860px) { .cards { grid-template-columns: repeat(2, 1fr); } }
@media (max-width: 640px) {
  body { padding: 20px 14px 48px; }
  dl { grid-template-columns: 1fr; } dd { margin-bottom: 8px; }
}
@media print {
  @page { size: A4; margin: 14mm 12mm; }
  :root {
    color-scheme: light;
    --page: #ffffff; --panel: #f5f6f8; --rule: #cfd4db; --ink: #000000; --soft: #444b57;
    --accent: #1f5fae; --second: #b4530a; --quiet: #9aa3b0; --bad: #b3261e; --good: #1c6b3f;
  }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { padding: 0; max-width: none; font-size: 10pt; }
  h2, .lead, .legend { break-after: avoid; }
  h2 { margin-top: 22pt; }
  section.whole { break-inside: avoid; }
  .cards { grid-template-columns: repeat(4, 1fr); gap: 8px; }
  .card .value { font-size: 16pt; }
  .worst { grid-template-columns: 1fr 1fr; }
  .scroll { overflow: visible; }
  table { font-size: 7.6pt; }
  th, td { padding: 3px 4px; }
  td.left { width: 36%; }
  .under, .note, .was { font-size: 7pt; }
  thead { display: table-header-group; }
  tr, .figure { break-inside: avoid; }
}
)css";

// Sorts the table of layers by the column whose head is clicked. The page is complete without it.
inline constexpr char kScript[] = R"js(
document.querySelectorAll("table.sortable").forEach(table => {
  const body = table.tBodies[0];
  const valueOf = (row, column) => row.cells[column].dataset.v ?? "";
  table.querySelectorAll("th").forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      table.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const rows = [...body.rows].sort((a, b) => {
        const x = valueOf(a, column), y = valueOf(b, column);
        if (x === "" || y === "") return (x === "") - (y === "");
        const difference = Number(x) - Number(y);
        return sign * (Number.isNaN(difference) ? x.localeCompare(y) : difference);
      });
      body.append(...rows);
    });
  });
});
)js";

} // namespace edgecc::driver::html
