// What we use of the stb image libraries.
#pragma once

namespace edgecc::stb {

bool readSize(const unsigned char *bytes, int length, int *width, int *height);
// Null on failure; otherwise width * height * channels samples, to be given to release().
unsigned char *decode(const unsigned char *bytes, int length, int *width, int *height,
                      int channels);
void release(unsigned char *pixels);
const char *failureReason();
void encodePng(void (*sink)(void *context, void *data, int size), void *context, int width,
               int height, int channels, const unsigned char *pixels);

} // namespace edgecc::stb
