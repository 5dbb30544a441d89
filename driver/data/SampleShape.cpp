#include "driver/data/SampleShape.h"

#include <cstring>

namespace edgecc::driver {

namespace {

bool fits(std::span<const int64_t> dims, std::span<const int64_t> wanted, uint32_t boundedAxes) {
  if (dims.size() != wanted.size())
    return false;
  for (size_t i = 0; i < dims.size(); ++i)
    if ((boundedAxes >> i & 1) ? dims[i] > wanted[i] : dims[i] != wanted[i])
      return false;
  return true;
}

bool isExact(DType from, DType to) {
  if (from == to || isFloat(to))
    return true;
  return isInteger(to) && (isInteger(from) || from == DType::Bool) &&
         bitWidth(from) < bitWidth(to) && (isSigned(to) || !isSigned(from));
}

} // namespace

Expected<SampleShape> sampleShape(const Dims &dims, const Type &type, const std::string &source) {
  std::span<const int64_t> have(dims), want(type.dims);
  if (fits(have, want, type.boundedAxes))
    return SampleShape{1, dims};
  if (!have.empty() && fits(have.subspan(1), want, type.boundedAxes) && have[0] > 0)
    return SampleShape{have[0], Dims(dims.begin() + 1, dims.end())};
  if (!want.empty() && want[0] == 1) {
    Dims withBatch(dims);
    withBatch.insert(withBatch.begin(), 1);
    if (fits(withBatch, want, type.boundedAxes))
      return SampleShape{1, withBatch};
    if (!have.empty() && have[0] > 0 &&
        fits(have.subspan(1), want.subspan(1), type.boundedAxes >> 1)) {
      Dims one(dims);
      one[0] = 1;
      return SampleShape{have[0], one};
    }
  }
  return error("an array of shape " + Type{type.dtype, dims, 0, {}}.str() +
                   " is neither a sample for " + type.str() + " nor a list of samples",
               source);
}

Expected<Tensor> asSample(const Tensor &array, int64_t part, const Type &type,
                          const std::string &source) {
  EDGECC_TRY(shape, sampleShape(array.dims(), type, source));
  if (part < 0 && shape.count != 1)
    return error("the array holds " + std::to_string(shape.count) + " samples, not one", source);
  if (part >= shape.count) // the file has changed since it was listed
    return error("the file holds " + std::to_string(shape.count) + " samples now", source);
  if (!isExact(array.dtype(), type.dtype))
    return error("elements of type " + std::string(name(array.dtype())) +
                     " do not fit the input's " + type.str(),
                 source, "save the array in the input's type");
  Tensor sample(array.dtype(), shape.dims);
  if (isSubByte(array.dtype()) && shape.count != 1)
    return error("several samples of 4-bit elements in one array", source);
  if (sample.bytes() > 0)
    std::memcpy(sample.mutableRaw(),
                array.raw() + static_cast<size_t>(std::max<int64_t>(part, 0)) * sample.bytes(),
                sample.bytes());
  if (array.dtype() == type.dtype)
    return sample;
  Tensor converted(type.dtype, shape.dims);
  for (int64_t i = 0; i < sample.elements(); ++i)
    converted.setDouble(i, sample.asDouble(i));
  return converted;
}

} // namespace edgecc::driver
