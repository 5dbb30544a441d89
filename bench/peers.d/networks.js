// What is measured: topologies of edgecc-zoo, which of ncnn's benchmark is the same, models of the
// shared folder.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

// `ncnn`: the file of ncnn's benchmark with this topology, `shape` its input (width, height,
// channels). Where ncnn's benchmark has another form of a network, that form is a topology of its
// own, so that every comparison is between equals.
const image = [224, 224, 3];
const kNetworks = [
  { name: 'mobilenet_v1', ncnn: 'mobilenet', int8: true },
  { name: 'mobilenet_v2' },
  { name: 'mobilenet_v2_caffe', ncnn: 'mobilenet_v2' },
  { name: 'resnet18', ncnn: 'resnet18', int8: true },
  { name: 'resnet50' },
  { name: 'resnet50_caffe', ncnn: 'resnet50', int8: true },
  { name: 'vgg16', ncnn: 'vgg16', int8: true },
  { name: 'googlenet' },
  { name: 'googlenet_caffe', ncnn: 'googlenet', int8: true },
  { name: 'efficientnet_b0', ncnn: 'efficientnet_b0' },
  { name: 'shufflenet_v2_x1_0', ncnn: 'shufflenet_v2' },
  { name: 'squeezenet1_1' },
  { name: 'squeezenet1_1_caffe', ncnn: 'squeezenet', shape: [227, 227, 3], int8: true },
  { name: 'densenet121' },
  { name: 'regnety_400mf', ncnn: 'regnety_400m' },
].map((network) => ({ shape: image, ...network }));

const isQuantised = (name) => name.endsWith('_qdq');
// ONNX Runtime computes these in f32 after widening: neither a float nor an int8 comparison.
const isHalf = (name) => name.endsWith('_fp16');

function modelFolders(shared) {
  const folder = path.join(shared, 'models');
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder).sort().map((name) => path.join(folder, name))
    .filter((each) => fs.existsSync(path.join(each, 'model.onnx')));
}

// The cases to measure, each { set, name, precision: float | int8, and either topology (of
// edgecc-zoo) or model (a file), ncnn? (file of its benchmark), shape? }.
function casesOf(options) {
  if (options.models.length > 0)
    return options.models.map((model) => ({
      set: 'models', name: path.basename(path.dirname(path.resolve(model))), precision: 'float', model }));
  const makers = {
    networks: () => kNetworks.map((n) => ({ set: 'networks', name: n.name, precision: 'float', topology: n.name,
      ncnn: n.ncnn, shape: n.shape })),
    int8: () => kNetworks.filter((n) => n.int8).map((n) => ({ set: 'int8', name: n.name, precision: 'int8',
      topology: n.name, ncnn: `${n.ncnn}_int8`, shape: n.shape })),
    models: () => modelFolders(options.shared).map((folder) => path.basename(folder))
      .filter((name) => !isQuantised(name) && !isHalf(name))
      .map((name) => ({ set: 'models', name, precision: 'float', model: path.join(options.shared, 'models', name, 'model.onnx') })),
    qdq: () => modelFolders(options.shared).map((folder) => path.basename(folder)).filter(isQuantised)
      .map((name) => ({ set: 'qdq', name, precision: 'int8', model: path.join(options.shared, 'models', name, 'model.onnx') })),
  };
  const cases = options.sets.flatMap((set) => {
    if (!makers[set]) throw new Error(`there is no set ${set}`);
    return makers[set]();
  });
  return cases.filter((each) => !options.only || options.only.has(each.name));
}

module.exports = { casesOf };
