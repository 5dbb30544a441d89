// Gets a case ready: its ONNX file, its input and the compiled model.
'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { writeTensor } = require('../tensor_pb.js');

const kBench = path.join(__dirname, '..');
const quiet = { stdio: ['ignore', 'pipe', 'pipe'] };

// ONNX Runtime comes from npm; its CPU library is inside the package, so its own download is skipped.
function installOnnxRuntime() {
  if (fs.existsSync(path.join(kBench, 'node_modules', 'onnxruntime-node'))) return;
  console.error('installing onnxruntime-node from npm');
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'],
    { cwd: kBench, stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' } });
}

// A picture of noise in 0 to 1, the same each time (Park and Miller 1988), in the layout of ONNX's
// test data.
function writeImage(folder, dims) {
  fs.mkdirSync(folder, { recursive: true });
  const data = new Float32Array(dims.reduce((a, b) => a * b, 1));
  let state = 1;
  for (let i = 0; i < data.length; ++i) {
    state = (state * 48271) % 2147483647;
    data[i] = state / 2147483647;
  }
  writeTensor(path.join(folder, 'input_0.pb'), { type: 'float32', dims, data });
}

// A copy of the model in which one f32 weight differs. The middle of a model's file is in the raw
// data of a weight; the lowest bits of four neighbouring bytes are never all of an exponent, so that
// the number stays finite.
function writeChanged(from, to) {
  const bytes = fs.readFileSync(from), middle = bytes.length >> 1;
  for (let i = middle; i < middle + 4; ++i) bytes[i] ^= 1;
  fs.writeFileSync(to, bytes);
}

class Preparation {
  constructor(options, folder) {
    this.folder = folder;
    this.edgecc = path.join(options.build, 'driver', 'edgecc');
    this.zoo = path.join(options.build, 'bench', 'zoo', 'edgecc-zoo');
  }

  // The model that only copies its input: what calling a runtime costs.
  identity() {
    return this.compiled({ name: 'identity', precision: 'float', model: path.join(kBench, 'identity.onnx') });
  }

  // { name, onnx, data (folder or null), blob, compileSeconds, compileBytes }.
  compiled(each) {
    const onnx = this.onnxOf(each), data = this.dataOf(each, onnx);
    const blob = path.join(this.folder, `${each.name}.${each.precision}.blob`);
    const { seconds, bytes } = this.compile(onnx, data, blob, []);
    return { ...each, onnx, data, blob, compileSeconds: seconds, compileBytes: bytes };
  }

  compile(onnx, data, blob, options) {
    const cost = path.join(this.folder, 'cost.txt');
    execFileSync('/usr/bin/time', ['-f', '%e %M', '-o', cost, this.edgecc, onnx, '-o', blob, '-q',
      ...(data ? ['--shapes-from', data] : []), ...options], quiet);
    const [seconds, kilobytes] = fs.readFileSync(cost, 'utf8').trim().split(' ').map(Number);
    return { seconds, bytes: kilobytes * 1024 };
  }

  // Seconds of a compile whose cache has the kernels of the same network before a weight of one
  // layer was changed.
  recompileSeconds({ onnx, data, blob }) {
    const cache = path.join(this.folder, 'cache'), changed = path.join(this.folder, 'changed.onnx');
    const again = `${blob}.again`;
    try {
      this.compile(onnx, data, again, ['--cache', cache]);
      writeChanged(onnx, changed);
      return this.compile(changed, data, again, ['--cache', cache]).seconds;
    } finally {
      for (const each of [cache, changed, again]) fs.rmSync(each, { recursive: true, force: true });
    }
  }

  onnxOf(each) {
    if (each.model) return each.model;
    const plain = path.join(this.folder, `${each.topology}.onnx`);
    if (!fs.existsSync(plain)) execFileSync(this.zoo, ['write', each.topology, plain, '--random', '1'], quiet);
    if (each.precision === 'float') return plain;
    // All runtimes that read ONNX get the same quantised network.
    const quantised = path.join(this.folder, `${each.topology}.${each.precision}.onnx`);
    if (!fs.existsSync(quantised))
      execFileSync(this.edgecc, [plain, '--quantize', each.precision, '--calibrate', 'random:4', '--emit', 'onnx',
        '-o', quantised, '-q'], quiet);
    return quantised;
  }

  dataOf(each, onnx) {
    if (each.topology) {
      const [width, height, channels] = each.shape, folder = path.join(this.folder, `image${width}`);
      writeImage(folder, [1, channels, height, width]);
      return folder;
    }
    const beside = path.join(path.dirname(onnx), 'test_data_set_0');
    return fs.existsSync(beside) ? beside : null;
  }
}

module.exports = { Preparation, installOnnxRuntime };
