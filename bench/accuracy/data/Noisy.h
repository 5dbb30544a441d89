// Pictures with noise that is known, for denoisers. Four crops (noisyGray) or one (noisyRaw) of
// each picture; the crops of picture k have the indices k + 12 j, so a picture is either for
// calibration or for scoring.
#pragma once

#include "bench/accuracy/data/Samples.h"

namespace edgecc::bench {

// Gray pictures of 0..1 with Gaussian noise of standard deviation 25/255.
Expected<std::shared_ptr<Samples>> noisyGray(const std::filesystem::path &folder, const Type &type);

// Photographs as linear RGGB sensor data, 4 planes of half the size, mirrored at the lower right
// border, with the noise of a phone's sensor at ISO 1600 after Wang et al., "Practical Deep Raw
// Image Denoising on Mobile Devices" (2020): y = k Poisson(x / k) + N(0, s). Times 256, the scale
// that the network was trained on.
Expected<std::shared_ptr<Samples>> noisyRaw(const std::filesystem::path &folder, const Type &type);

} // namespace edgecc::bench
