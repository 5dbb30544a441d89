// SPDX-License-Identifier: Apache-2.0
//
// Convolutions and matrix products as blocked products: convolutions gather the windows of a tile
// of positions, row (channel, tap) by row.
#include "runtime/emulator/kernels/Compute.h"
#include "runtime/emulator/kernels/Product.h"
#include "runtime/emulator/kernels/Window.h"

#include <cstdlib>
#include <limits>
#include <type_traits>

namespace edgecc::emulator {

namespace {

// Left operands are packed in parts of about this many elements.
constexpr int64_t kSlabElements = int64_t{1} << 20;

int64_t slabRows(int64_t rows, int64_t depth) {
  int64_t fitting = std::max<int64_t>(kSlabElements / depth / kBlockRows, 1) * kBlockRows;
  return std::min(rows, fitting);
}

// values -= zero, modulo the type's range.
template <class T> void subtract(T *values, int64_t count, int64_t zero) {
  if constexpr (std::is_integral_v<T>) {
    if (zero == 0)
      return;
    auto by = static_cast<uint32_t>(zero);
    for (int64_t i = 0; i < count; ++i)
      values[i] = static_cast<T>(static_cast<uint32_t>(values[i]) - by);
  }
}

template <class Core> struct Contractor {
  using Value = typename Core::Value;
  using Sum = typename Core::Sum;

  const ContractionT &kernel;
  Inputs inputs;
  const Operand &output;
  std::vector<int64_t> wZeros; // one, or one for each output channel (product: column)
  StageRunner &stages;
  std::vector<int64_t> wide; // sums on their way to the stages

  int64_t wZero(int64_t i) const { return wZeros[wZeros.size() == 1 ? 0 : static_cast<size_t>(i)]; }

  void start(int64_t first, int64_t count, Sum *sums) const {
    if (kernel.carries_in)
      stages.held(first, count, sums);
    else
      std::fill_n(sums, kTileColumns, Sum(0));
  }

  void finish(int64_t first, int64_t count, const Sum *sums) {
    if constexpr (std::is_same_v<Sum, float>) {
      stages.put(first, count, sums);
    } else {
      wide.assign(sums, sums + count);
      stages.put(first, count, wide.data());
    }
  }

  void convolve() {
    const Operand &x = inputs[0], &w = inputs[1];
    Window window = windowOf(kernel, x, output, {w.dims.begin() + 2, w.dims.end()});
    int64_t groups = kernel.groups, outputs = w.dims[0] / groups, channels = w.dims[1];
    int64_t taps = window.taps(), depth = channels * taps;
    int64_t positions = window.positions(), size = window.planeSize(), batch = x.dims[0];
    WindowRuns runs(window);
    std::vector<Value> planes(static_cast<size_t>(channels * size));
    int64_t loaded = -1; // which sample and group
    for (int64_t g = 0; g < groups; ++g)
      for (int64_t slab = 0, rows = 0; slab < outputs; slab += rows) {
        rows = std::min(slabRows(outputs, depth), outputs - slab);
        int64_t firstRow = g * outputs + slab;
        BlockProduct<Core> product(rows, depth, [&](int64_t row, Value *out) {
          loadAll(slice(w, 0, firstRow + row, 1), out);
          subtract(out, depth, wZero(firstRow + row));
        });
        for (int64_t n = 0; n < batch; ++n) {
          if (loaded != n * groups + g) {
            loadAll(slice(slice(x, 0, n, 1), 1, g * channels, channels), planes.data());
            subtract(planes.data(), channels * size, kernel.x_zero_point);
            loaded = n * groups + g;
          }
          for (int64_t first = 0; first < positions; first += kTileColumns) {
            int64_t count = std::min(kTileColumns, positions - first);
            runs.plan(first, count);
            auto at = [&](int64_t row) {
              return (n * output.dims[1] + firstRow + row) * positions + first;
            };
            product.multiply(
                count, [&](int64_t row, Sum *sums) { start(at(row), count, sums); },
                [&](int64_t k, Value *out) {
                  gather(runs, planes.data() + k / taps * size, k % taps, count, out);
                },
                [&](int64_t row, const Sum *sums) { finish(at(row), count, sums); });
          }
        }
      }
  }

  static void gather(const WindowRuns &runs, const Value *plane, int64_t tap, int64_t count,
                     Value *out) {
    auto parts = runs.runs(tap);
    if (parts.size() != 1 || parts[0].count != count)
      std::fill_n(out, count, Value(0));
    int64_t step = runs.step();
    for (const WindowRuns::Run &run : parts) {
      if (step == 1)
        std::copy_n(plane + run.source, run.count, out + run.column);
      else
        for (int64_t i = 0; i < run.count; ++i)
          out[run.column + i] = plane[run.source + i * step];
    }
  }

  // Matrix `i` of the batch, counted in the output's batch axes.
  static Operand matrixOf(Operand x, int64_t i, std::span<const int64_t> batch) {
    size_t own = x.dims.size() - 2;
    for (size_t d = batch.size(), axis = own; d-- > 0; i /= batch[d])
      if (axis > 0) {
        --axis;
        x = slice(x, axis, x.dims[axis] == 1 ? 0 : i % batch[d], 1);
      }
    x.dims.erase(x.dims.begin(), x.dims.begin() + static_cast<ptrdiff_t>(own));
    x.strides.erase(x.strides.begin(), x.strides.begin() + static_cast<ptrdiff_t>(own));
    return x;
  }

  void multiply() {
    std::span<const int64_t> dims = output.dims, batch = dims.first(dims.size() - 2);
    int64_t m = dims[dims.size() - 2], n = dims[dims.size() - 1], depth = inputs[0].dims.back();
    for (int64_t i = 0, matrices = output.elements() / (m * n); i < matrices; ++i) {
      Operand a = matrixOf(inputs[0], i, batch), b = matrixOf(inputs[1], i, batch);
      for (int64_t slab = 0, rows = 0; slab < m; slab += rows) {
        rows = std::min(slabRows(m, depth), m - slab);
        BlockProduct<Core> product(rows, depth, [&](int64_t row, Value *out) {
          loadRun(a, (slab + row) * a.strides[0], a.strides[1], depth, out);
          subtract(out, depth, kernel.x_zero_point);
        });
        for (int64_t first = 0; first < n; first += kTileColumns) {
          int64_t count = std::min(kTileColumns, n - first);
          auto at = [&](int64_t row) { return (i * m + slab + row) * n + first; };
          product.multiply(
              count, [&](int64_t row, Sum *sums) { start(at(row), count, sums); },
              [&](int64_t k, Value *out) {
                loadRun(b, k * b.strides[0] + first * b.strides[1], b.strides[1], count, out);
                if (wZeros.size() == 1)
                  return subtract(out, count, wZeros[0]);
                for (int64_t c = 0; c < count; ++c)
                  subtract(out + c, 1, wZero(first + c));
              },
              [&](int64_t row, const Sum *sums) { finish(at(row), count, sums); });
        }
      }
    }
  }
};

template <class Core>
void contract(const ContractionT &kernel, Inputs inputs, const Operand &output,
              std::vector<int64_t> wZeros, StageRunner &stages) {
  Contractor<Core> contractor{kernel, inputs, output, std::move(wZeros), stages, {}};
  if (kernel.product)
    contractor.multiply();
  else
    contractor.convolve();
}

// Whether operands minus their zero points fit 16 bits, and the sum of two products 32.
bool fitsPairs(ElementType x, int64_t xZero, ElementType w, std::span<const int64_t> wZeros) {
  using Limits = std::numeric_limits<int16_t>;
  int64_t largest[2] = {0, 0};
  auto widen = [&](ElementType type, int64_t zero, int64_t &most) {
    auto [low, high] = boundsOf(type);
    most = std::max({most, std::abs(low - zero), std::abs(high - zero)});
    return low - zero >= Limits::min() && high - zero <= Limits::max();
  };
  if (!widen(x, xZero, largest[0]))
    return false;
  for (int64_t zero : wZeros)
    if (!widen(w, zero, largest[1]))
      return false;
  return 2 * largest[0] * largest[1] <= std::numeric_limits<int32_t>::max();
}

} // namespace

namespace {

// The convolution into a tensor of its own, then the maximum over windows of that.
void computePooled(const ContractionT &kernel, Stages stages, Inputs inputs,
                   const Operand &output) {
  ContractionT convolution = kernel;
  convolution.pool_kernel = convolution.pool_stride = 0;
  auto dims = convolvedDims(kernel, inputs[0].dims, inputs[1].dims, output.dims);
  int64_t elements = 1;
  for (int64_t extent : dims)
    elements *= extent;
  std::vector<std::byte> bytes(static_cast<size_t>(elements * unitOf(output.type)));
  Operand convolved = packed(bytes.data(), output.type, dims);
  computeContraction(convolution, stages, inputs, convolved);
  size_t spatial = dims.size() - 2;
  PoolT pool;
  pool.kind = PoolKind::Max;
  pool.kernel.assign(spatial, kernel.pool_kernel);
  pool.strides.assign(spatial, kernel.pool_stride);
  pool.dilations.assign(spatial, 1);
  pool.pads_low.assign(spatial, 0);
  pool.pads_high.assign(spatial, 0);
  pool.ceil_high.assign(spatial, 0);
  pool.to = output.type;
  computePool(pool, {}, {&convolved, 1}, output);
}

} // namespace

void computeContraction(const ContractionT &kernel, Stages stages, Inputs inputs,
                        const Operand &output) {
  if (kernel.pool_kernel > 0)
    return computePooled(kernel, stages, inputs, output);
  Operand bias;
  if (kernel.has_bias) {
    bias = inputs[2];
    if (!kernel.product) { // [M] along axis 1
      bias.dims.resize(output.dims.size() - 1, 1);
      bias.strides.resize(output.dims.size() - 1, 0);
    }
  }
  const Operand *added = kernel.has_bias ? &bias : nullptr;
  if (isFloat(inputs[0].type)) {
    StageRunner runner(ElementType::F32, stages, inputs, output, added, kernel.sum_type);
    return contract<FloatCore>(kernel, inputs, output, {0}, runner);
  }
  StageRunner runner(ElementType::I32, stages, inputs, output, added, kernel.sum_type);
  std::vector<int64_t> wZeros{kernel.w_zero_point};
  if (kernel.w_zero_points >= 0)
    wZeros = loadAll<int64_t>(inputs[static_cast<size_t>(kernel.w_zero_points)]);
  if (fitsPairs(inputs[0].type, kernel.x_zero_point, inputs[1].type, wZeros))
    return contract<PairCore>(kernel, inputs, output, std::move(wZeros), runner);
  contract<WideCore>(kernel, inputs, output, std::move(wZeros), runner);
}

} // namespace edgecc::emulator
