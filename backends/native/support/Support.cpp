// Planning and calling the support functions: one call with all the data, in one work unit.
#include "backends/native/Families.h"
#include "backends/native/loops/Planning.h"
#include "runtime/include/edgecc/abi.h"

#include "backends/native/support/Support.h"

#include <bit>

namespace edgecc::native {

static_assert(static_cast<int>(DType::F32) == ::kF32 && static_cast<int>(DType::F64) == ::kF64 &&
              static_cast<int>(DType::I4) == ::kI4 && static_cast<int>(DType::I64) == ::kI64 &&
              static_cast<int>(DType::Bool) == ::kBool);
static_assert(kBadIndex == EDGECC_ENTRY_BAD_INDEX && kBadBound == EDGECC_ENTRY_BAD_BOUND);

namespace {

// The arguments of one call.
class SupportCall {
public:
  SupportCall(const Op &op, PlanContext &context, std::string function)
      : op_(op), kernel_(context, "support_" + function), function_("edgecc_support_" + function) {}

  // An array with its description among the parameters.
  void array(const Value &value) {
    params_.push_back(static_cast<int64_t>(value.type.dtype));
    params_.push_back(static_cast<int64_t>(value.dims().size()));
    append(value.dims());
    append(stridesOf(value));
    pointer(value);
  }
  // Only its data: dense, of a known type.
  void pointer(const Value &value) { data_.push_back(static_cast<int>(kernel_.addArg(value))); }
  void absent() { data_.push_back(-1); }
  void optionalPointer(const Value *value) { value ? pointer(*value) : absent(); }
  void param(int64_t value) { params_.push_back(value); }
  void param(double value) { params_.push_back(std::bit_cast<int64_t>(value)); }
  void append(const std::vector<int64_t> &values) {
    params_.insert(params_.end(), values.begin(), values.end());
  }
  void scratch(int64_t bytes) { kernel_.kernel().scratchBytes = (bytes + 63) / 64 * 64; }

  // A result with data-dependent extents: dense data, then where its extents go. Only the caller
  // of the model learns these, so the result has to be one of the model's.
  Expected<void> boundedResult(const Value &value) {
    if (!value.storage || value.storage->space != Storage::Space::Output)
      return error("the extents of the result of " + std::string(op_.name()) +
                       " depend on data, and other ops use it",
                   op_.location, "make it an output of the model and compute the rest outside");
    pointer(value);
    data_.push_back(static_cast<int>(
        kernel_.addArg(KernelArg{value.storage->space, value.storage->index, 0, true})));
    return {};
  }

  void finish() {
    unsigned params = kernel_.addTable(params_);
    kernel_.kernel().kind = KernelClass::Support;
    std::string key;
    for (int argument : data_)
      key += std::to_string(argument) + ',';
    kernel_.finish(key, 1, [=, function = function_, data = data_](KernelEmitter &e) {
      emit(e, function, data, params);
    });
  }

private:
  static void emit(KernelEmitter &e, const std::string &function, const std::vector<int> &data,
                   unsigned params) {
    auto &b = e.b;
    llvm::Type *pointer = b.getPtrTy();
    auto callee = e.module().getOrInsertFunction(
        function, llvm::FunctionType::get(b.getInt32Ty(), {pointer, pointer, pointer}, false));
    llvm::Value *table =
        b.CreateAlloca(llvm::ArrayType::get(pointer, data.size()), nullptr, "data");
    for (size_t i = 0; i < data.size(); ++i) {
      llvm::Value *value = data[i] < 0 ? llvm::ConstantPointerNull::get(b.getPtrTy())
                                       : e.arg(static_cast<unsigned>(data[i]));
      b.CreateStore(value, b.CreateConstInBoundsGEP1_64(pointer, table, i));
    }
    llvm::Value *status = b.CreateCall(callee, {table, e.arg(params), e.scratch()});
    for (int32_t code : {EDGECC_ENTRY_BAD_INDEX, EDGECC_ENTRY_BAD_BOUND})
      e.ifThen(b.CreateICmpEQ(status, b.getInt32(static_cast<uint32_t>(code))),
               [&] { e.fail(code); });
  }

  const Op &op_;
  KernelBuilder kernel_;
  std::string function_;
  std::vector<int64_t> params_;
  std::vector<int> data_; // kernel arguments; -1: null
};

Expected<void> planTopK(const Op &op, PlanContext &context) {
  SupportCall call(op, context, "top_k");
  call.array(*op.operand(0));
  call.array(*op.result(0));
  call.array(*op.result(1));
  call.param(op.integer("axis"));
  call.param(op.integer("k"));
  call.param(int64_t{op.flag("largest")});
  call.scratch(16 * op.integer("k"));
  call.finish();
  return {};
}

Expected<void> planSelection(const Op &op, PlanContext &context) {
  bool isNonZero = op.kind() == OpKind::NonZero;
  SupportCall call(op, context, isNonZero ? "non_zero" : "compress");
  call.array(*op.operand(0));
  if (!isNonZero) {
    call.array(*op.operand(1));
    call.param(op.integer("axis"));
  }
  EDGECC_CHECK(call.boundedResult(*op.result()));
  call.finish();
  return {};
}

Expected<void> planUnique(const Op &op, PlanContext &context) {
  SupportCall call(op, context, "unique");
  const Value &x = *op.operand(0);
  int64_t axis = op.integer("axis");
  call.array(x);
  EDGECC_CHECK(call.boundedResult(*op.result(0)));
  int64_t present = 0;
  for (unsigned r = 1; r < op.numResults(); ++r) {
    if (op.result(r)->uses().empty())
      continue; // absent in the model
    present |= int64_t{1} << (r - 1);
    if (r == 2)
      call.pointer(*op.result(r));
    else
      EDGECC_CHECK(call.boundedResult(*op.result(r)));
  }
  call.param(axis);
  call.param(int64_t{op.flag("sorted")});
  call.param(present);
  int64_t slices = axis < 0 ? x.type.elements() : x.dims()[static_cast<size_t>(axis)];
  call.scratch(3 * 8 * slices);
  call.finish();
  return {};
}

Expected<void> planNonMaxSuppression(const Op &op, PlanContext &context) {
  SupportCall call(op, context, "nms");
  call.array(*op.operand(0));
  call.array(*op.operand(1));
  EDGECC_CHECK(call.boundedResult(*op.result()));
  call.optionalPointer(op.operand(2));
  call.optionalPointer(op.operand(3));
  call.param(op.integer("max_boxes"));
  call.param(int64_t{op.flag("center_point_box")});
  call.scratch(16 * op.operand(0)->dims()[1]);
  call.finish();
  return {};
}

int64_t indexOf(const std::string &name, std::initializer_list<const char *> names) {
  int64_t i = 0;
  for (const char *candidate : names) {
    if (name == candidate)
      return i;
    ++i;
  }
  assert(false && "attribute values are checked by the declaration");
  return 0;
}

Expected<void> planGridSample(const Op &op, PlanContext &context) {
  SupportCall call(op, context, "grid_sample");
  call.array(*op.operand(0));
  call.array(*op.operand(1));
  call.array(*op.result());
  call.param(indexOf(op.text("mode"), {"nearest", "linear", "cubic"}));
  call.param(indexOf(op.text("padding_mode"), {"zeros", "border", "reflection"}));
  call.param(int64_t{op.flag("align_corners")});
  call.finish();
  return {};
}

Expected<void> planRoiAlign(const Op &op, PlanContext &context) {
  SupportCall call(op, context, "roi_align");
  for (unsigned i = 0; i < 3; ++i)
    call.array(*op.operand(i));
  call.array(*op.result());
  call.param(op.integer("sampling_ratio"));
  call.param(op.real("spatial_scale"));
  call.param(int64_t{op.flag("max")});
  call.param(int64_t{op.flag("half_pixel")});
  call.finish();
  return {};
}

Expected<void> planDeformConv(const Op &op, PlanContext &context) {
  SupportCall call(op, context, "deform_conv");
  for (unsigned i = 0; i < 3; ++i)
    call.array(*op.operand(i));
  call.array(*op.result());
  for (unsigned i = 3; i < 5; ++i)
    op.operand(i) ? call.array(*op.operand(i)) : call.absent();
  call.append(op.ints("strides"));
  call.append(op.ints("dilations"));
  call.param(op.ints("pads")[0]);
  call.param(op.ints("pads")[1]);
  call.param(op.integer("group"));
  call.param(op.integer("offset_group"));
  call.finish();
  return {};
}

Expected<void> planCol2Im(const Op &op, PlanContext &context) {
  SupportCall call(op, context, "col2im");
  call.array(*op.operand(0));
  call.array(*op.result());
  const auto &image = op.ints("image_shape"), &block = op.ints("block_shape"),
             &strides = op.ints("strides"), &dilations = op.ints("dilations"),
             &pads = op.ints("pads");
  for (size_t d = 0; d < image.size(); ++d) {
    int64_t span = (block[d] - 1) * dilations[d] + 1;
    int64_t blocks = (image[d] + pads[d] + pads[image.size() + d] - span) / strides[d] + 1;
    call.append({block[d], strides[d], dilations[d], pads[d], blocks});
  }
  call.scratch(8 * numElements(image));
  call.finish();
  return {};
}

} // namespace

Expected<void> planSupport(const Op &op, PlanContext &context) {
  for (unsigned r = 0; r < op.numResults(); ++r)
    if (op.result(r)->type.elements() == 0 && op.result(r)->type.isStatic())
      return {};
  switch (op.kind()) {
  case OpKind::TopK:
    return planTopK(op, context);
  case OpKind::NonZero:
  case OpKind::Compress:
    return planSelection(op, context);
  case OpKind::Unique:
    return planUnique(op, context);
  case OpKind::NonMaxSuppression:
    return planNonMaxSuppression(op, context);
  case OpKind::GridSample:
    return planGridSample(op, context);
  case OpKind::RoiAlign:
    return planRoiAlign(op, context);
  case OpKind::DeformConv:
    return planDeformConv(op, context);
  case OpKind::Col2Im:
    return planCol2Im(op, context);
  default:
    break;
  }
  // Operands, results, then a few integers.
  std::string function;
  std::vector<int64_t> params;
  int64_t scratch = 0;
  if (op.kind() == OpKind::MaxUnpool) {
    function = "max_unpool";
    params = op.ints("index_shape");
  } else if (op.kind() == OpKind::Det) {
    function = "det";
    scratch = 8 * op.operand(0)->dims().back() * op.operand(0)->dims().back();
  } else if (op.kind() == OpKind::DFT) {
    function = "dft";
    int64_t axis = op.integer("axis");
    params = {axis, op.flag("inverse")};
    scratch = 32 * op.operand(0)->dims()[static_cast<size_t>(axis)];
  } else {
    assert(op.kind() == OpKind::ReverseSequence);
    function = "reverse_sequence";
    params = {op.integer("batch_axis"), op.integer("time_axis")};
  }
  SupportCall call(op, context, function);
  for (const Value *operand : op.operands())
    call.array(*operand);
  call.array(*op.result());
  call.append(params);
  call.scratch(scratch);
  call.finish();
  return {};
}

} // namespace edgecc::native
