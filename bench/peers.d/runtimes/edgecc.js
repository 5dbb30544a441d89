// One process of edgecc's runtime.
'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

class Edgecc {
  name = 'edgecc';

  constructor(preparation) {
    this.edgecc = preparation.edgecc;
    this.json = path.join(preparation.folder, 'bench.json');
  }

  has() { return true; }

  // Milliseconds and bytes; memory is what the process grew by.
  run(each, threads, runs) {
    execFileSync(this.edgecc, ['bench', each.blob, '--threads', threads, '--runs', runs, '--json', this.json,
      ...(each.data ? ['--test-data', each.data] : [])], { stdio: ['ignore', 'pipe', 'pipe'] });
    const r = JSON.parse(fs.readFileSync(this.json));
    return { median: r.median_ns / 1e6, least: r.min_ns / 1e6, processor: r.processor_ns / 1e6,
      load: r.load_ns / 1e6, first: r.first_run_ns / 1e6,
      memory: r.memory_bytes, weights: r.weights_bytes, arena: r.arena_bytes };
  }

  // How many times as fast the division of the work lets that number of threads be.
  balance(each, threads) {
    execFileSync(this.edgecc, ['bench', each.blob, '--balance', '--threads', threads, '--json', this.json],
      { stdio: ['ignore', 'pipe', 'pipe'] });
    return JSON.parse(fs.readFileSync(this.json)).speed_up;
  }
}

module.exports = { Edgecc };
