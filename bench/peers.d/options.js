// The command line of bench/peers.
'use strict';
const path = require('node:path');

const kBench = path.join(__dirname, '..');
const kBuild = path.join(kBench, '..', 'build');

const kUsage = `Times edgecc beside ONNX Runtime and ncnn: same network, same threads, in turns.

  bench/peers [MODEL.onnx...] [OPTIONS]

Without models it measures everything: the networks that edgecc-zoo writes, with random weights, and
the models of the shared folder, in float and in int8.

  --sets LIST       of networks,models,int8,qdq; default: all
  --only LIST       names of networks and models to measure
  --ncnn DIR        where ncnn was built; without it ONNX Runtime is the only peer
  --shared DIR      the shared folder; default: ../shared beside the repository
  --threads LIST    default: 1,2
  --rounds N        turns of each runtime; default: 3
  --seconds S       that a runtime is timed for in each turn; default: 0.4
  --statistic S     of the runs in a turn: median (default), least, or for one thread on a busy machine
                    processor (its time for a run)
  --work DIR        keeps generated models there for the next time
  --json FILE       writes all figures
  --markdown FILE   writes the tables there too
  --build DIR       the build of edgecc; default: build
`;

function parseOptions(argv) {
  const options = {
    models: [], sets: ['networks', 'models', 'int8', 'qdq'], only: null, ncnn: null,
    shared: path.join(kBench, '..', '..', 'shared'), threads: [1, 2], rounds: 3, seconds: 0.4,
    statistic: 'median', work: null, json: null, markdown: null, build: kBuild,
  };
  const list = (text) => text.split(',').filter((word) => word !== '');
  const readers = {
    '--sets': (v) => { options.sets = list(v); },
    '--only': (v) => { options.only = new Set(list(v)); },
    '--ncnn': (v) => { options.ncnn = v; },
    '--shared': (v) => { options.shared = v; },
    '--threads': (v) => { options.threads = list(v).map(Number); },
    '--rounds': (v) => { options.rounds = Number(v); },
    '--seconds': (v) => { options.seconds = Number(v); },
    '--statistic': (v) => { options.statistic = v; },
    '--work': (v) => { options.work = v; },
    '--json': (v) => { options.json = v; },
    '--markdown': (v) => { options.markdown = v; },
    '--build': (v) => { options.build = v; },
  };
  for (let i = 0; i < argv.length; ++i) {
    if (argv[i] === '--help' || argv[i] === '-h') return null;
    if (readers[argv[i]]) {
      if (i + 1 === argv.length) throw new Error(`${argv[i]} needs a value`);
      readers[argv[i]](argv[++i]);
    } else if (argv[i].startsWith('--')) {
      throw new Error(`unknown option ${argv[i]}\n\n${kUsage}`);
    } else {
      options.models.push(argv[i]);
    }
  }
  if (!['median', 'least', 'processor'].includes(options.statistic))
    throw new Error('--statistic is median, least or processor');
  if (options.threads.some((n) => !(n >= 1)) || !(options.rounds >= 1) || !(options.seconds > 0))
    throw new Error('threads, rounds and seconds must be positive');
  return options;
}

module.exports = { parseOptions, kUsage };
