// Measures one case: all runtimes in turns, for each number of threads.
'use strict';
const { median, summarise } = require('./statistics.js');

// What is between loading a model and computing steadily.
const startUp = (figures) => figures.load + figures.first - figures.least;

class Measurement {
  // `runtimes`: the first is edgecc, the others its peers.
  constructor(options, runtimes) {
    this.options = options;
    this.runtimes = runtimes;
    this.base = {}; // by threads, by runtime: figures of calling it for nothing
  }

  calibrate(identity) {
    for (const threads of this.options.threads) {
      const rounds = this.rounds(identity, threads, 200);
      this.base[threads] = Object.fromEntries(Object.entries(rounds).map(([name, each]) => [name, summarise(each)]));
    }
  }

  // { name: [figures of each round] }
  rounds(each, threads, runs) {
    const runtimes = this.runtimes.filter((runtime) => runtime.has(each));
    const result = Object.fromEntries(runtimes.map(({ name }) => [name, []]));
    for (let round = 0; round < this.options.rounds; ++round)
      for (const runtime of runtimes) result[runtime.name].push(runtime.run(each, threads, runs));
    return result;
  }

  // { threads, ms: {runtime}, ratio: {peer}, peer (the faster one), toFasterPeer, figures: {runtime},
  // least (of edgecc's runs), balance (see Edgecc) }
  measure(each, threads) {
    const { statistic, seconds } = this.options;
    const probe = this.runtimes[0].run(each, threads, 3);
    const runs = Math.max(5, Math.min(2000, Math.ceil(seconds * 1000 / Math.max(probe.least, 1e-3))));
    const rounds = this.rounds(each, threads, runs);
    // Times of each round under a statistic, without what calling the runtime takes if all runtimes
    // in the comparison tell that.
    const times = (name, key, net) => rounds[name]
      .map((figures) => Math.max(figures[key] - (net ? this.base[threads][name][key] : 0), 1e-4));
    const row = { threads, ms: { edgecc: median(times('edgecc', statistic, true)) }, ratio: {}, figures: {},
      least: Math.min(...times('edgecc', 'least', false)) };
    for (const [name, list] of Object.entries(rounds)) {
      row.figures[name] = summarise(list);
      // The least: a start happens once in a process, so that one disturbance would be all of it.
      if (row.figures[name].load !== undefined) row.figures[name].startUp = Math.min(...list.map(startUp));
      if (name === 'edgecc') continue;
      // ncnn prints no median, so its least time is compared with ours.
      const key = name === 'ncnn' && statistic === 'median' ? 'least' : statistic;
      const net = this.base[threads][name] !== undefined;
      const ours = times('edgecc', key, net), theirs = times(name, key, net);
      row.ms[name] = median(theirs);
      row.ratio[name] = median(ours.map((time, i) => time / theirs[i]));
    }
    row.balance = this.runtimes[0].balance(each, threads);
    row.peer = Object.keys(row.ratio).reduce((a, b) => (row.ratio[a] >= row.ratio[b] ? a : b));
    row.toFasterPeer = row.ratio[row.peer];
    return row;
  }
}

module.exports = { Measurement };
