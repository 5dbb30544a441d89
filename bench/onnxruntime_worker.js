// ONNX Runtime in a process of its own. For bench/peers, a measurement that prints JSON:
//   node onnxruntime_worker.js MODEL DATA_FOLDER_OR_EMPTY THREADS RUNS
// For tests/export, what it computes from the folder's input_J.pb, node by node as the model says,
// without optimisations; writes OUTPUT_FOLDER/output_J.pb:
//   node onnxruntime_worker.js --outputs MODEL DATA_FOLDER OUTPUT_FOLDER
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const ort = require('onnxruntime-node');
const { readTensor, writeTensor } = require('./tensor_pb.js');

const kArrays = { float32: Float32Array, float64: Float64Array, int64: BigInt64Array, int32: Int32Array, uint8: Uint8Array, int8: Int8Array, bool: Uint8Array, float16: Uint16Array };

function feeds(session, folder) {
  const out = {};
  session.inputNames.forEach((name, i) => {
    if (folder) {
      const { type, dims, data } = readTensor(path.join(folder, `input_${i}.pb`));
      out[name] = new ort.Tensor(type, data, dims);
    } else {
      const { type, shape } = session.inputMetadata[i];
      const dims = shape.map((d) => (typeof d === 'number' ? d : 1));
      out[name] = new ort.Tensor(type, new kArrays[type](dims.reduce((a, b) => a * b, 1)), dims);
    }
  });
  return out;
}

async function writeOutputs(model, folder, outputFolder) {
  const session = await ort.InferenceSession.create(model, { executionProviders: ['cpu'], graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 });
  const results = await session.run(feeds(session, folder));
  session.outputNames.forEach((name, i) => {
    writeTensor(path.join(outputFolder, `output_${i}.pb`), results[name]);
  });
}

async function measure() {
  const [model, folder, threads, runs] = process.argv.slice(2);
  const now = () => Number(process.hrtime.bigint()) / 1e6;
  const before = process.memoryUsage().rss;
  const start = now();
  const session = await ort.InferenceSession.create(model, { executionProviders: ['cpu'], graphOptimizationLevel: 'all', intraOpNumThreads: Number(threads), interOpNumThreads: 1, executionMode: 'sequential', logSeverityLevel: 3 });
  const loaded = now();
  const inputs = feeds(session, folder && fs.existsSync(folder) ? folder : null);
  const ready = now();
  await session.run(inputs);
  const first = now() - ready;
  for (let i = 0; i < 2; ++i) await session.run(inputs);
  const times = [], processor = process.cpuUsage();
  for (let i = 0; i < Number(runs); ++i) {
    const begin = now();
    await session.run(inputs);
    times.push(now() - begin);
  }
  const used = process.cpuUsage(processor);
  times.sort((a, b) => a - b);
  console.log(JSON.stringify({ median: times[times.length >> 1], least: times[0], processor: (used.user + used.system) / 1e3 / times.length,
    load: loaded - start, first, memory: process.memoryUsage().rss - before }));
}

if (process.argv[2] === '--outputs') writeOutputs(...process.argv.slice(3));
else measure();
