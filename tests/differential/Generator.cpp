#include "tests/differential/Generator.h"

#include "backends/reference/ReferenceExecutor.h"

#include <algorithm>
#include <cmath>

namespace edgecc::test {

namespace {

constexpr int64_t kMaxElements = 12000; // of one value: every graph runs in well under a second
constexpr double kMaxPeak = 1e4;

enum GraphKind { kImage, kSequence, kMatrix, kIntegers, kNumGraphKinds };

} // namespace

Generator::Generator(uint64_t seed)
    : random_(seed * 0x9e3779b97f4a7c15u + 1), graph_{std::make_unique<Module>(), {}},
      function_(&graph_.module->addFunction("graph")), builder_(*graph_.module, function_->body) {
  graph_.module->name = "seed" + std::to_string(seed);
}

int64_t Generator::between(int64_t low, int64_t high) {
  return low + static_cast<int64_t>(random_() % static_cast<uint64_t>(high - low + 1));
}

bool Generator::chance(double probability) {
  return static_cast<double>(random_() >> 11) * 0x1p-53 < probability;
}

Tensor Generator::random(DType dtype, const Dims &dims, double low, double high) {
  Tensor tensor(dtype, dims);
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    double unit = static_cast<double>(random_() >> 11) * 0x1p-53;
    double value = low + unit * (high - low);
    tensor.setDouble(i, isFloat(dtype) ? value : std::round(value));
  }
  return tensor;
}

Value *Generator::constant(Tensor tensor) {
  Value *value = builder_.constant(tensor);
  knowledge_[value] = knownExactly(std::move(tensor));
  return value;
}

Value *Generator::input(Tensor tensor) {
  Value *value = function_->body.addArgument(tensor.type());
  function_->inputs.push_back({"x" + std::to_string(graph_.inputs.size()), {}});
  graph_.inputs.push_back(tensor);
  knowledge_[value] = knownExactly(std::move(tensor));
  return value;
}

// Recent values more often than old ones: chains get long, and residuals still happen.
Value *Generator::pickValue() {
  size_t n = pool_.size();
  size_t back = static_cast<size_t>(between(0, static_cast<int64_t>(n) - 1));
  if (chance(0.6))
    back = std::min(back, static_cast<size_t>(between(0, 2)));
  return pool_[n - 1 - std::min(back, n - 1)];
}

Value *Generator::pickLike(const Value *value, bool sameShape) {
  std::vector<Value *> found;
  for (Value *other : pool_)
    if (other->type.dtype == value->type.dtype && (!sameShape || other->dims() == value->dims()))
      found.push_back(other);
  return found.empty() ? nullptr : pick(found);
}

bool Generator::isWellConditioned(const Op &op) const {
  for (unsigned i = 0; i < op.numResults(); ++i) {
    const Known &known = knowledge_.at(op.result(i));
    if (known.tensor.elements() > kMaxElements || known.tensor.elements() == 0)
      return false;
    if (isFloat(known.tensor.dtype()) && !(known.peak <= kMaxPeak))
      return false;
    if (i == 0 && !(known.error <= 0.02 * known.peak + 1e-9) && known.error != 0)
      return false;
  }
  return true;
}

Op *Generator::emit(OpKind kind, std::vector<Value *> operands, Attributes attributes) {
  auto created = builder_.tryCreate(kind, std::span<Value *const>(operands), attributes);
  if (!created)
    return nullptr;
  Op *op = *created;
  std::vector<Tensor> tensors;
  int64_t size = 0;
  for (unsigned i = 0; i < op->numResults(); ++i)
    size += op->result(i)->type.elements();
  for (Value *operand : operands)
    tensors.push_back(operand ? knowledge_.at(operand).tensor : Tensor());
  if (size > 2 * kMaxElements) {
    op->erase();
    return nullptr;
  }
  auto results = ReferenceExecutor().evaluate(*op, tensors);
  if (!results) {
    failure_ = results.error();
    op->erase();
    return nullptr;
  }
  learn(*op, std::move(*results), knowledge_);
  // Further results that are not continuous in their operands are not used.
  if (!isWellConditioned(*op)) {
    for (unsigned i = 0; i < op->numResults(); ++i)
      knowledge_.erase(op->result(i));
    op->erase();
    return nullptr;
  }
  op->location = std::string(op->name()) + "_" + std::to_string(pool_.size());
  for (unsigned i = 0; i < op->numResults(); ++i)
    if (std::isfinite(knowledge_.at(op->result(i)).error))
      pool_.push_back(op->result(i));
  return op;
}

Value *Generator::emitOne(OpKind kind, std::vector<Value *> operands, Attributes attributes) {
  Op *op = emit(kind, std::move(operands), std::move(attributes));
  return op ? op->result() : nullptr;
}

void Generator::start() {
  kind_ = static_cast<int>(between(0, kNumGraphKinds - 1));
  if (kind_ == kIntegers && chance(0.5))
    kind_ = kImage;
  if (kind_ != kIntegers && chance(0.1))
    floatType = DType::F16;
  int64_t inputs = between(1, 3);
  Dims image{between(1, 2), pick<int64_t>({1, 3, 4, 8, 12, 16}), between(3, 14), between(3, 14)};
  Dims sequence{between(1, 3), between(1, 20), pick<int64_t>({4, 7, 16, 24, 32})};
  Dims matrix{between(1, 24), pick<int64_t>({3, 8, 16, 31, 40})};
  for (int64_t i = 0; i < inputs; ++i) {
    Dims dims = kind_ == kImage ? image : kind_ == kSequence ? sequence : matrix;
    if (kind_ == kIntegers) {
      DType dtype = pick<DType>({DType::I32, DType::I64, DType::I8, DType::U8});
      dims = chance(0.5) ? matrix : image;
      pool_.push_back(input(random(dtype, dims, isSigned(dtype) ? -100 : 0, 100)));
      continue;
    }
    if (i > 0 && chance(0.3)) // another shape that broadcasts or joins
      dims[static_cast<size_t>(between(0, static_cast<int64_t>(dims.size()) - 1))] = 1;
    pool_.push_back(input(random(floatType, dims)));
  }
}

// What nobody reads leaves the graph, and sometimes values that are read, inputs included.
void Generator::finish() {
  std::vector<Value *> yields;
  for (Value *value : pool_) {
    bool isInput = !value->definingOp();
    if (value->uses().empty() ? !isInput || chance(0.3) : chance(isInput ? 0.03 : 0.12))
      yields.push_back(value);
  }
  if (yields.empty())
    yields.push_back(pool_.back());
  for (size_t i = 0; i < yields.size(); ++i)
    function_->outputs.push_back({"y" + std::to_string(i), {}});
  builder_.yield(yields);
}

Expected<Graph> Generator::run() {
  using Maker = bool (*)(Generator &, Value *);
  static const std::vector<std::pair<double, Maker>> kMakers[kNumGraphKinds] = {
      {{4, addConvolution},
       {3, addUnary},
       {3, addBinary},
       {2, addPooling},
       {2, addMovement},
       {1, addReduction},
       {1, addNormalization},
       {0.5, addProduct},
       {0.7, addQuantized}},
      {{3, addProduct},
       {3, addUnary},
       {3, addBinary},
       {3, addMovement},
       {2, addNormalization},
       {1, addReduction},
       {1, addConvolution},
       {0.5, addPooling},
       {0.5, addQuantized}},
      {{3, addProduct},
       {4, addUnary},
       {4, addBinary},
       {3, addMovement},
       {2, addReduction},
       {1, addNormalization}},
      {{5, addInteger}, {2, addMovement}, {1, addReduction}}};
  start();
  const auto &makers = kMakers[kind_];
  double total = 0;
  for (const auto &maker : makers)
    total += maker.first;
  int64_t wanted = between(3, 25), attempts = 0;
  size_t before = pool_.size();
  while (static_cast<int64_t>(pool_.size() - before) < wanted && ++attempts < 200) {
    double at = total * static_cast<double>(random_() >> 11) * 0x1p-53;
    size_t which = 0;
    while (which + 1 < makers.size() && at >= makers[which].first)
      at -= makers[which++].first;
    makers[which].second(*this, pickValue());
    if (!failure_.empty())
      return tl::unexpected(failure_);
  }
  finish();
  return std::move(graph_);
}

Expected<Graph> generate(uint64_t seed) { return Generator(seed).run(); }

} // namespace edgecc::test
