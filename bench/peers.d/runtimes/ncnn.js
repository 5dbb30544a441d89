// Processes of ncnn's own benchmark, which prints the least and the mean of its runs.
'use strict';
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

// Where a build leaves the program and the sources their topologies.
const kPrograms = ['benchncnn', 'benchmark/benchncnn', 'build/benchmark/benchncnn'];
const kTopologies = ['benchmark/models', '../benchmark/models', '../../benchmark/models'];

class Ncnn {
  name = 'ncnn';

  constructor(folder, statistic) {
    const find = (candidates) => {
      const found = candidates.map((each) => path.join(folder, each)).find((each) => fs.existsSync(each));
      if (!found) throw new Error(`${folder} has none of ${candidates.join(', ')}: build ncnn with -DNCNN_BUILD_BENCHMARK=ON`);
      return found;
    };
    this.program = path.resolve(find(kPrograms));
    this.topologies = path.resolve(find(kTopologies));
    this.statistic = statistic;
  }

  has(each) { return each.ncnn !== undefined; }

  run(each, threads, runs) {
    const { output, processor } = this.execute(each, threads, runs);
    const match = /min =\s*([\d.]+)\s+max =\s*[\d.]+\s+avg =\s*([\d.]+)/.exec(output);
    if (!match) throw new Error(`benchncnn printed no times for ${each.ncnn}: ${output}`);
    const figures = { median: Number(match[2]), least: Number(match[1]) };
    if (this.statistic !== 'processor') return figures;
    // What loading and its eight warming runs take is in the processor time of one run, too.
    return { ...figures, processor: (processor - this.execute(each, threads, 1).processor) / (runs - 1) };
  }

  // What it prints, and the milliseconds of processor time of the process.
  execute(each, threads, runs) {
    const topology = path.join(this.topologies, `${each.ncnn}.param`);
    // Arguments: runs, threads, all cores, no GPU, no pauses.
    const args = [runs, threads, 0, -1, 0, `param=${topology}`, `shape=[${each.shape}]`].map(String);
    const { stdout, stderr, status } = spawnSync('/usr/bin/time', ['-f', 'took %U %S', this.program, ...args],
      { encoding: 'utf8' });
    if (status !== 0) throw new Error(`benchncnn ${each.ncnn}: ${stderr.trim().split('\n').pop()}`);
    const [, user, system] = /took ([\d.]+) ([\d.]+)/.exec(stderr);
    return { output: stdout + stderr, processor: 1e3 * (Number(user) + Number(system)) };
  }
}

module.exports = { Ncnn };
