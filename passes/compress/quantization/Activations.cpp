#include "passes/compress/quantization/Activations.h"
#include "passes/Rewrite.h"
#include "passes/compress/quantization/Scales.h"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

namespace edgecc {

namespace {

bool is16(DType dtype) { return bitWidth(dtype) == 16; }

// The second factor of a matrix product has a zero point of 0, as weights have.
DType secondFactor(DType activations) { return is16(activations) ? DType::I16 : DType::I8; }

class Quantizer {
public:
  Quantizer(Module &module, Function &function, const LayerPrecisions &precisions,
            const ActivationSettings &settings, const Calibration &calibration)
      : module_(module), function_(function), precisions_(precisions), settings_(settings),
        calibration_(calibration), names_(function),
        part_(quantizedPart(
            function,
            [&](const Op &op) {
              auto it = precisions.find(&op);
              return it != precisions.end() && isIntegerActivation(it->second.activations);
            },
            settings.quantizedBoundary)) {}

  Expected<int64_t> run() {
    chooseTypes();
    mergeForms();
    shareScalesOfConcats();
    for (Value *point : part_.points)
      EDGECC_CHECK(findRange(point));
    widenShared();
    for (Value *point : part_.points)
      quantize(point);
    return static_cast<int64_t>(part_.points.size());
  }

private:
  // One value as it is read by some ops.
  struct Wanted {
    DType dtype;
    bool isSecondFactor;
    auto operator<=>(const Wanted &) const = default;
  };

  struct Reader {
    Op *op;
    unsigned operand;
    Wanted wanted;
  };

  // Contractions read what their precision says; glue reads 16 bits if any of its readers does.
  void chooseTypes() {
    const auto &ops = function_.body.ops();
    std::map<const Op *, DType> typeOfGlue;
    DType narrow = DType::U8;
    for (const auto &[op, precision] : precisions_)
      if (precision.activations == DType::I8)
        narrow = DType::I8;
    for (Value *output : function_.body.yields()) {
      Value *source = quantizationSource(output);
      const Op *producer = source->definingOp();
      if (!settings_.quantizedBoundary || !producer || !part_.ops.contains(producer))
        continue;
      auto precision = precisions_.find(producer);
      Wanted wanted{precision == precisions_.end() ? narrow : precision->second.activations, false};
      wantedOf_[source].insert(wanted);
      yielded_.emplace(source, wanted);
    }
    for (auto it = ops.rbegin(); it != ops.rend(); ++it) {
      Op *op = it->get();
      if (!part_.ops.contains(op))
        continue;
      auto precision = precisions_.find(op);
      DType type = precision != precisions_.end() ? precision->second.activations : narrow;
      if (precision == precisions_.end()) {
        for (const Wanted &wanted : wantedOf_[op->result()])
          type = is16(wanted.dtype) ? wanted.dtype : type;
        for (const Use &use : op->result()->uses()) // fused away: no reader wants it
          if (auto reader = typeOfGlue.find(use.user); reader != typeOfGlue.end())
            type = is16(reader->second) ? reader->second : type;
        typeOfGlue[op] = type;
      }
      std::vector<Value *> operands = quantizedOperands(*op);
      for (unsigned i = 0; i < op->numOperands(); ++i) {
        if (std::ranges::find(operands, op->operand(i)) == operands.end())
          continue;
        bool second = precision != precisions_.end() && i == 1;
        Wanted wanted{second ? secondFactor(type) : type, second};
        wantedOf_[quantizationSource(op->operand(i))].insert(wanted);
        readers_.push_back({op, i, wanted});
      }
    }
  }

  // Of a value that is also a second factor, as keys and values are that one projection makes
  // together with the queries, all readers of that width read that form: one tensor, not two.
  void mergeForms() {
    auto merged = [&](Value *source, const Wanted &wanted) {
      for (const Wanted &other : wantedOf_[source])
        if (other.isSecondFactor && bitWidth(other.dtype) == bitWidth(wanted.dtype))
          return other;
      return wanted;
    };
    for (Reader &reader : readers_)
      reader.wanted = merged(quantizationSource(reader.op->operand(reader.operand)), reader.wanted);
    std::map<Value *, Wanted> yielded;
    for (const auto &[source, wanted] : yielded_)
      yielded.emplace(source, merged(source, wanted));
    wantedOf_.clear();
    for (const auto &[source, wanted] : yielded)
      wantedOf_[source].insert(wanted);
    for (const Reader &reader : readers_)
      wantedOf_[quantizationSource(reader.op->operand(reader.operand))].insert(reader.wanted);
  }

  // --- one scale for a Concat and its operands ---

  Value *rootOf(Value *value) {
    auto it = shared_.find(value);
    return it == shared_.end() || it->second == value ? value : it->second = rootOf(it->second);
  }

  // Everything that reads the value, through movement ops, is `concat`.
  static bool feedsOnly(const Value *value, const Op *concat) {
    return std::ranges::all_of(value->uses(), [&](const Use &use) {
      return use.user == concat || (quantizationRole(*use.user) == QuantizationRole::Movement &&
                                    feedsOnly(use.user->result(), concat));
    });
  }

  // An operand that only the Concat reads is rounded once with the Concat's scale, where a scale of
  // its own would make that two roundings. One that others read too keeps its own if its range is
  // less than half of the Concat's: more than a bit would be lost for them.
  void shareScalesOfConcats() {
    for (Value *point : part_.points) {
      const Op *concat = definedBy(point, OpKind::Concat);
      if (!concat || !part_.ops.contains(concat) || wantedOf_[point].size() != 1)
        continue;
      auto whole = rangeOf(point);
      for (Value *operand : concat->operands()) {
        Value *source = quantizationSource(operand);
        if (std::ranges::find(part_.points, source) == part_.points.end() ||
            wantedOf_[source] != wantedOf_[point])
          continue;
        auto part = rangeOf(source);
        bool isSimilar = whole && part && part->high - part->low >= (whole->high - whole->low) / 2;
        if (feedsOnly(source, concat) || isSimilar)
          shared_[rootOf(source)] = rootOf(point);
      }
    }
  }

  // What an operand has beyond the results was cut off by the method.
  void widenShared() {
    std::set<Value *> roots;
    for (const auto &entry : std::map(shared_))
      roots.insert(rootOf(entry.first));
    std::map<Value *, Range> whole;
    for (Value *point : part_.points)
      if (definedBy(point, OpKind::Concat) && roots.contains(rootOf(point))) {
        Range &range = whole.try_emplace(rootOf(point), ranges_[point]).first->second;
        range.low = std::min(range.low, ranges_[point].low);
        range.high = std::max(range.high, ranges_[point].high);
      }
    for (Value *point : part_.points)
      if (auto it = whole.find(rootOf(point)); it != whole.end())
        ranges_[point] = it->second;
  }

  // --- ranges ---

  std::optional<Range> rangeOf(const Value *point) const {
    const Observation *observation = calibration_.find(names_.of(*point));
    RangeMethod method = settings_.method.value_or(calibration_.method);
    if (!observation || observation->samples == 0 ||
        (needsHistogram(method) && observation->histograms.empty()))
      return std::nullopt;
    auto wanted = wantedOf_.find(const_cast<Value *>(point));
    unsigned bits = wanted == wantedOf_.end() || wanted->second.empty()
                        ? 8
                        : bitWidth(wanted->second.begin()->dtype);
    Range whole{0, 0};
    for (size_t c = 0; c < observation->seen.size(); ++c) {
      Range range =
          observation->range(method, bits, settings_.symmetric, c, calibration_.percentile);
      whole.low = std::min(whole.low, range.low);
      whole.high = std::max(whole.high, range.high);
    }
    return whole;
  }

  Expected<void> findRange(const Value *point) {
    auto range = rangeOf(point);
    if (!range)
      return error(fmt::format("the range of '{}' by the method {} is not known", names_.of(*point),
                               edgecc::name(settings_.method.value_or(calibration_.method))),
                   point->definingOp() ? nameOfLayer(*point->definingOp()) : "quantize",
                   "run the pass calibrate before (--calibrate DIR), load a calibration that was "
                   "made from this model, or quantise only the weights");
    ranges_[point] = *range;
    return {};
  }

  // --- the ops ---

  ValueScale scaleFor(const Value *point, const Wanted &wanted) const {
    // A zero point next to 16-bit values would cost a wider accumulator and gain half a bit.
    bool symmetric = settings_.symmetric || wanted.isSecondFactor || is16(wanted.dtype);
    return scaleOfRange(ranges_.at(point), wanted.dtype, symmetric);
  }

  Value *pairBehind(Value *value, const ValueScale &scale, Op *before) {
    Builder builder(module_);
    builder.setInsertionBefore(before);
    if (value->definingOp())
      builder.location = value->definingOp()->location;
    std::string name = names_.of(*value);
    Value *factor =
        builder.constant(Tensor::scalar<float>(DType::F32, scale.scale), name + ".scale");
    Tensor zero(scale.dtype, {});
    zero.setDouble(0, scale.zeroPoint);
    Value *zeroPoint = builder.constant(std::move(zero), name + ".zero_point");
    Value *q =
        builder.create(OpKind::QuantizeLinear, {value, factor, zeroPoint}, {{"to", scale.dtype}});
    Value *real =
        builder.create(OpKind::DequantizeLinear, {q, factor, zeroPoint}, {{"to", DType::F32}});
    real->provenance = value->provenance;
    return real;
  }

  Op *opBehind(const Value *value) const {
    const auto &ops = function_.body.ops();
    auto it = ops.begin();
    if (value->definingOp())
      it = std::next(std::ranges::find_if(
          ops, [&](const auto &op) { return op.get() == value->definingOp(); }));
    return it->get();
  }

  // All users read the first form; those that want another one get movement ops of their own.
  void quantize(Value *point) {
    std::vector<Use> uses = point->uses();
    Op *before = opBehind(point);
    Value *first = nullptr;
    ValueScale scale;
    for (const Wanted &form : wantedOf_[point]) {
      Value *real = pairBehind(point, scaleFor(point, form), before);
      if (first) {
        for (const Reader &reader : readers_)
          if (reader.wanted == form &&
              quantizationSource(reader.op->operand(reader.operand)) == first)
            reader.op->setOperand(reader.operand,
                                  movedAgain(reader.op->operand(reader.operand), first, real));
        continue;
      }
      first = real;
      scale = scaleFor(point, form);
      // The function's own result stays as exact as it is where it is f32 anyway.
      for (const Use &use : uses)
        if (settings_.quantizedBoundary || !use.user->def().is(OpTrait::Terminator))
          use.user->setOperand(use.operand, real);
    }
    if (wantedOf_[point].size() == 1 && scale.dtype == DType::I8)
      repeatBehindMovement(first, scale);
  }

  // On x86 ONNX Runtime (1.30) makes u8 of i8 activations, but refuses the pairs that it puts
  // behind movement ops on its own before that. They change nothing, so here they are.
  void repeatBehindMovement(Value *real, const ValueScale &scale) {
    for (const Use &use : std::vector<Use>(real->uses())) {
      if (use.operand != 0 || quantizationRole(*use.user) != QuantizationRole::Movement)
        continue;
      Value *moved = use.user->result();
      std::vector<Use> readers = moved->uses();
      Value *again = pairBehind(moved, scale, opBehind(moved));
      for (const Use &reader : readers)
        if (settings_.quantizedBoundary || !reader.user->def().is(OpTrait::Terminator))
          reader.user->setOperand(reader.operand, again);
      repeatBehindMovement(again, scale);
    }
  }

  // `operand`, which holds elements of `source`, of another form of it.
  Value *movedAgain(Value *operand, Value *source, Value *form) {
    if (operand == source)
      return form;
    Op *movement = operand->definingOp();
    Builder builder(module_);
    builder.setInsertionBefore(movement);
    ValueMapping mapping{{movement->operand(0), movedAgain(movement->operand(0), source, form)}};
    return cloneOp(builder, *movement, mapping)->result();
  }

  Module &module_;
  Function &function_;
  const LayerPrecisions &precisions_;
  const ActivationSettings &settings_;
  const Calibration &calibration_;
  ValueNames names_;
  QuantizedPart part_;
  std::map<Value *, std::set<Wanted>> wantedOf_;
  std::vector<Reader> readers_;
  std::map<Value *, Wanted> yielded_; // what the function yields
  std::map<Value *, Value *> shared_;
  std::map<const Value *, Range> ranges_;
};

} // namespace

Expected<int64_t> quantizeActivations(Module &module, Function &function,
                                      const LayerPrecisions &precisions,
                                      const ActivationSettings &settings,
                                      const Calibration &calibration) {
  return Quantizer(module, function, precisions, settings, calibration).run();
}

} // namespace edgecc
