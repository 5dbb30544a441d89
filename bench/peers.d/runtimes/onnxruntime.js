// One process of ONNX Runtime (npm's onnxruntime-node).
'use strict';
const { execFileSync } = require('node:child_process');
const path = require('node:path');

const kWorker = path.join(__dirname, '..', '..', 'onnxruntime_worker.js');

class OnnxRuntime {
  name = 'onnxruntime';

  has() { return true; }

  run(each, threads, runs) {
    const out = execFileSync(process.execPath, [kWorker, each.onnx, each.data ?? '', String(threads), String(runs)],
      { stdio: ['ignore', 'pipe', 'pipe'] });
    return JSON.parse(out);
  }
}

module.exports = { OnnxRuntime };
