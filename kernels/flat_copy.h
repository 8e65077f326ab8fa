// A convolution as sums of shifted flat runs.
//
// The source of one image (x, or the gradient of y) is copied with its zeros around it, so that all outputs of a
// channel are one run of cells q, rows one after the other at a distance of `pitch`, and every tap is the same run
// moved by an offset: out[q] = sum over k of a[k] * src[q + offset(k)], k = (channel, tap). The cells between the
// rows are computed and thrown away. Zeros at the end of a row serve as those at the start of the next one. A
// stride divides the copy into phases (places that agree modulo the stride), in each of which it is 1.
#pragma once
#include "conv.h"

namespace nabla {
namespace NABLA_ISA {

struct Flat {
  // Along each axis: cells computed, places of the source and of the copy.
  int64_t out[3], src[3], extent[3];
  // Distance of neighbours in the copy: of planes, of rows, and 1.
  int64_t pitch[3];
  // Taps t = first + j * step, j < count. Tap j reads cell i at i + shift(j) in phase j % phases.
  int64_t first[3], step[3], count[3], phases[3];
  int64_t stride[3], base[3], slope[3];  // place in the source: stride * i + base + slope * j
  int64_t least[3];                      // the least shift
  int64_t phase_size, channel_size;      // elements of the copy
  int64_t span;                          // cells of the run, those thrown away included
  int64_t slack;                         // elements read past the last channel
  // False when the copy is so much larger than what it holds that plain loops are better; the rest is not set then.
  bool fair;
  int64_t taps() const { return count[0] * count[1] * count[2]; }
};

// What CONV and CONV_WEIGHT read of x.
Flat flat_forward(const Geometry&);
// What the places of x that are `phase` modulo the stride read of the gradient of y.
Flat flat_input(const Geometry&, const int64_t* phase);

// The copy: channels [0, channels) of `from`. What is zero is written by clear alone.
void flat_clear(float* to, int64_t n);
void flat_copy(const Flat&, const float* from, int64_t channels, float* to);
// offset[k] of the taps of channels [0, channels).
void flat_offsets(const Flat&, int64_t channels, int32_t* offset);

}  // namespace NABLA_ISA
}  // namespace nabla
