// Tables (markdown) of what was measured, and what it means for the project's aims.
'use strict';
const { geometricMean } = require('./statistics.js');

const kSmallestMs = 0.3; // below, calling a runtime takes too large a part of the time
const kMB = 1e6;

const milliseconds = (value) => (value === undefined ? '-' : value < 1 ? value.toFixed(3) : value < 10 ? value.toFixed(2) : value.toFixed(1));
const ratio = (value) => (value === undefined ? '-' : value.toFixed(2));

function table(header, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}

const isCounted = (row) => Math.min(...Object.values(row.ms)) >= kSmallestMs;

// The first and the largest number of threads measured.
const firstRow = (result) => result.rows[0];
const lastRow = (result) => result.rows[result.rows.length - 1];

// Of least times, which others on the machine disturb least.
const speedUp = (result) => firstRow(result).least / lastRow(result).least;

function timeTable(results, threads) {
  const header = ['network'];
  for (const n of threads) header.push(`edgecc ${n}T`, `ORT ${n}T`, `ncnn ${n}T`, 'to faster peer');
  if (threads.length > 1) header.push('speed-up', 'at most');
  return table(header, results.map((result) => {
    const cells = [result.name + (isCounted(firstRow(result)) ? '' : ' *')];
    for (const row of result.rows)
      cells.push(...['edgecc', 'onnxruntime', 'ncnn'].map((name) => milliseconds(row.ms[name])), ratio(row.toFasterPeer));
    if (threads.length > 1) cells.push(ratio(speedUp(result)), ratio(lastRow(result).balance));
    return cells;
  }));
}

// What may be used: the larger of half of ONNX Runtime's and 1.15 times weights and arena.
const memoryLimit = ({ edgecc, onnxruntime }) => Math.max(onnxruntime.memory / 2, 1.15 * (edgecc.weights + edgecc.arena));

function resourceTable(results) {
  const header = ['network', 'start-up ms', 'ORT', 'ratio', 'memory MB', 'ORT', 'limit', 'compile s', 'again s', 'compile MB'];
  return table(header, results.map((result) => {
    const { edgecc, onnxruntime } = firstRow(result).figures;
    const megabytes = (bytes) => (bytes / kMB).toFixed(1);
    return [result.name, milliseconds(edgecc.startUp), milliseconds(onnxruntime.startUp),
      ratio(edgecc.startUp / onnxruntime.startUp), megabytes(edgecc.memory), megabytes(onnxruntime.memory),
      megabytes(memoryLimit(firstRow(result).figures)), result.compileSeconds.toFixed(1),
      result.recompileSeconds.toFixed(2), (result.compileBytes / kMB).toFixed(0)];
  }));
}

// One line for each number of threads: the mean, and who is slower than a peer.
function summary(results, threads) {
  const lines = [];
  for (const n of threads) {
    const rows = results.map((result) => ({ name: result.name, ...result.rows.find((row) => row.threads === n) }))
      .filter(isCounted);
    if (rows.length === 0) continue;
    const slower = rows.filter((row) => row.toFasterPeer > 1).sort((a, b) => b.toFasterPeer - a.toFasterPeer);
    lines.push(`- ${n} thread${n === 1 ? '' : 's'}: geometric mean of time over the faster peer's `
      + `${geometricMean(rows.map((row) => row.toFasterPeer)).toFixed(3)} over ${rows.length} networks; `
      + (slower.length === 0 ? 'none slower'
        : `slower: ${slower.map((row) => `${row.name} ${row.toFasterPeer.toFixed(2)} (${row.peer})`).join(', ')}`));
  }
  const large = results.filter((result) => result.rows.length > 1 && firstRow(result).ms.edgecc > 5);
  const poor = large.filter((result) => speedUp(result) < 1.8);
  if (large.length > 0)
    lines.push(`- ${threads[threads.length - 1]} threads at least 1.8 times as fast on ${large.length - poor.length} of `
      + `${large.length} networks above 5 ms${poor.length === 0 ? '' : `; not on ${poor.map((each) => each.name).join(', ')}`}`);
  const figures = results.map((result) => ({ name: result.name, ...firstRow(result).figures }));
  const late = figures.filter(({ edgecc, onnxruntime }) => edgecc.startUp > onnxruntime.startUp / 5);
  const heavy = figures.filter((each) => each.edgecc.memory > memoryLimit(each));
  const named = (list) => (list.length === 0 ? '' : `; not ${list.map((each) => each.name).join(', ')}`);
  lines.push(`- start-up at most a fifth of ONNX Runtime's: ${figures.length - late.length} of ${figures.length}${named(late)}`);
  lines.push(`- memory within the limit: ${figures.length - heavy.length} of ${figures.length}${named(heavy)}`);
  return lines.join('\n');
}

const kTitles = {
  networks: 'Networks, f32', models: 'Models, f32', int8: 'Networks, int8', qdq: 'Quantised models',
};

function report(results, options) {
  const parts = [];
  for (const set of ['networks', 'models', 'int8', 'qdq']) {
    const own = results.filter((result) => result.set === set && !result.error);
    if (own.length === 0) continue;
    parts.push(`### ${kTitles[set]}`, timeTable(own, options.threads), resourceTable(own), summary(own, options.threads));
  }
  const float = results.filter((result) => !result.error && ['networks', 'models'].includes(result.set));
  if (new Set(float.map((result) => result.set)).size > 1)
    parts.push('### All float ones', summary(float, options.threads));
  const failed = results.filter((result) => result.error);
  if (failed.length > 0) parts.push('### Failed', failed.map((each) => `- ${each.name}: ${each.error}`).join('\n'));
  if (results.some((result) => !result.error && !isCounted(firstRow(result))))
    parts.push(`\\* under ${kSmallestMs} ms: not counted in the means`);
  return parts.join('\n\n') + '\n';
}

module.exports = { report };
