// The one place where the stb single-header libraries are compiled.
#include <cstdio>

#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_MAX_DIMENSIONS (1 << 16)
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunused-function"
#include <stb/stb_image.h>
#include <stb/stb_image_write.h>
#pragma clang diagnostic pop

#include "frontend/io/Stb.h"

namespace edgecc::stb {

bool readSize(const unsigned char *bytes, int length, int *width, int *height) {
  int channels = 0;
  return stbi_info_from_memory(bytes, length, width, height, &channels) != 0;
}

unsigned char *decode(const unsigned char *bytes, int length, int *width, int *height,
                      int channels) {
  int channelsInFile = 0;
  return stbi_load_from_memory(bytes, length, width, height, &channelsInFile, channels);
}

void release(unsigned char *pixels) { stbi_image_free(pixels); }

const char *failureReason() { return stbi_failure_reason(); }

void encodePng(void (*sink)(void *context, void *data, int size), void *context, int width,
               int height, int channels, const unsigned char *pixels) {
  stbi_write_png_to_func(sink, context, width, height, channels, pixels, width * channels);
}

} // namespace edgecc::stb
