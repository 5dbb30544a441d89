// Reads ONNX TensorProto files: just what test data needs.
'use strict';
const fs = require('node:fs');

const kTypes = {
  1: ['float32', Float32Array, 4], 2: ['uint8', Uint8Array, 1], 3: ['int8', Int8Array, 1],
  4: ['uint16', Uint16Array, 2], 5: ['int16', Int16Array, 2], 6: ['int32', Int32Array, 4],
  7: ['int64', BigInt64Array, 8], 9: ['bool', Uint8Array, 1], 10: ['float16', Uint16Array, 2],
  11: ['float64', Float64Array, 8],
};

// Calls visit(field, wireType, value) for each field; value is a BigInt or a Buffer.
function fields(buffer, visit) {
  let at = 0;
  const varint = () => {
    let value = 0n, shift = 0n;
    for (;;) {
      const byte = buffer[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asIntN(64, value);
      shift += 7n;
    }
  };
  while (at < buffer.length) {
    const key = Number(varint()), field = key >> 3, wire = key & 7;
    if (wire === 0) {
      visit(field, wire, varint());
    } else {
      const length = wire === 2 ? Number(varint()) : wire === 1 ? 8 : 4;
      visit(field, wire, buffer.subarray(at, at + length));
      at += length;
    }
  }
}

function packedVarints(buffer, out) {
  let value = 0n, shift = 0n;
  for (const byte of buffer) {
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte < 128) {
      out.push(BigInt.asIntN(64, value));
      value = 0n;
      shift = 0n;
    }
  }
}

function readTensor(file) {
  const dims = [], ints = [];
  let dataType = 0, raw = null;
  const floats = [];
  fields(fs.readFileSync(file), (field, wire, value) => {
    if (field === 1) wire === 0 ? dims.push(value) : packedVarints(value, dims);
    else if (field === 2) dataType = Number(value);
    else if (field === 4) for (let i = 0; i < value.length; i += 4) floats.push(value.readFloatLE(i));
    else if (field === 5 || field === 7) wire === 0 ? ints.push(value) : packedVarints(value, ints);
    else if (field === 9) raw = value;
  });
  const [name, Type, size] = kTypes[dataType] ?? (() => { throw new Error(`${file}: element type ${dataType}`); })();
  let data;
  if (raw) data = new Type(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length), 0, raw.length / size);
  else if (floats.length) data = Type.from(floats);
  else data = name === 'int64' ? Type.from(ints) : Type.from(ints.map(Number));
  return { type: name, dims: dims.map(Number), data };
}

function varint(value) {
  const bytes = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}

// `data` is the typed array of an element type in kTypes.
function writeTensor(file, { type, dims, data }) {
  const code = Number(Object.keys(kTypes).find((key) => kTypes[key][0] === type));
  const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const parts = dims.flatMap((d) => [Buffer.from([0x08]), varint(d)]);
  parts.push(Buffer.from([0x10]), varint(code), Buffer.from([0x4a]), varint(raw.length), raw);
  fs.writeFileSync(file, Buffer.concat(parts));
}

module.exports = { readTensor, writeTensor, kTypes };
