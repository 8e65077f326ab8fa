// The copy that convolutions read, see flat_copy.h.
#include "flat_copy.h"
#include "simd.h"

namespace nabla {
namespace NABLA_ISA {

static int64_t least_of(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t clamp(int64_t x, int64_t hi) { return x < 0 ? 0 : x > hi ? hi : x; }
static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }
static int64_t gcd(int64_t a, int64_t b) {
  while (b) {
    const int64_t r = a % b;
    a = b, b = r;
  }
  return a < 0 ? -a : a;
}

// Where tap j of an axis reads: its shift, and the first place of its phase in the source.
static int64_t shift_of(const Flat& f, int a, int64_t j) { return floor_div(f.base[a] + f.slope[a] * j, f.stride[a]); }
static int64_t start_of(const Flat& f, int a, int64_t j) {
  return f.base[a] + f.slope[a] * j - shift_of(f, a, j) * f.stride[a];
}

// Everything that follows from out, src, the taps, stride, base and slope.
static void finish(Flat* f) {
  double copied = 1, held = 1, made = 1;
  for (int a = 0; a < 3; a++) {
    const int64_t n = f->count[a], s = f->stride[a];
    f->phases[a] = n ? least_of(n, s / gcd(s, f->slope[a])) : 0;
    const int64_t e0 = n ? shift_of(*f, a, 0) : 0, e1 = n ? shift_of(*f, a, n - 1) : 0;
    f->least[a] = least_of(e0, e1);
    const int64_t whole = f->out[a] + (e0 < e1 ? e1 - e0 : e0 - e1);
    // Zeros before the first and after the last place of the source.
    const int64_t before = clamp(-f->least[a], whole);
    int64_t end = 0;
    for (int64_t j = 0; j < f->phases[a]; j++) {
      const int64_t places = floor_div(f->src[a] - start_of(*f, a, j) + s - 1, s);
      if (places - f->least[a] > end) end = clamp(places - f->least[a], whole);
    }
    // Shared, but no cell computed may stand for two.
    const int64_t shared = least_of(least_of(before, whole - end), whole - f->out[a]);
    f->extent[a] = whole - (end > before ? shared : 0);
    copied *= (double)f->extent[a] * (double)(n ? f->phases[a] : 1);
    held *= (double)f->src[a], made *= (double)f->out[a];
  }
  f->fair = copied <= 8 * (held + made) + 4096;
  if (!f->fair) return;
  f->pitch[2] = 1;
  f->pitch[1] = f->extent[2];
  f->pitch[0] = f->extent[1] * f->extent[2];
  f->phase_size = f->extent[0] * f->pitch[0];
  f->channel_size = f->phase_size * f->phases[0] * f->phases[1] * f->phases[2];
  f->span = (f->out[0] - 1) * f->pitch[0] + (f->out[1] - 1) * f->pitch[1] + f->out[2];
  // A tap reads its span from its offset on, in whole tiles of at most 8 vectors.
  int64_t last = f->channel_size - f->phase_size;
  for (int a = 0; a < 3; a++)
    if (f->count[a]) {
      const int64_t e0 = shift_of(*f, a, 0), e1 = shift_of(*f, a, f->count[a] - 1);
      last += ((e0 > e1 ? e0 : e1) - f->least[a]) * f->pitch[a];
    }
  const int64_t end = last + f->span + 8 * VW;
  f->slack = end > f->channel_size ? end - f->channel_size : 0;
}

Flat flat_forward(const Geometry& g) {
  Flat f;
  for (int a = 0; a < 3; a++) {
    f.out[a] = g.out[a], f.src[a] = g.in[a];
    f.first[a] = 0, f.step[a] = 1, f.count[a] = g.kernel[a];
    f.stride[a] = g.stride[a], f.base[a] = -(int64_t)g.pad[a], f.slope[a] = g.dilation[a];
  }
  finish(&f);
  return f;
}

Flat flat_input(const Geometry& g, const int64_t* phase) {
  Flat f;
  for (int a = 0; a < 3; a++) {
    const int64_t s = g.stride[a], d = g.dilation[a], at = phase[a] + g.pad[a];
    f.out[a] = (g.in[a] - phase[a] + s - 1) / s, f.src[a] = g.out[a];
    // The taps t with t * d = at modulo s.
    f.step[a] = s / gcd(s, d);
    f.first[a] = 0;
    const int64_t period = least_of(f.step[a], g.kernel[a]);
    while (f.first[a] < period && (at - f.first[a] * d) % s) f.first[a]++;
    const bool some = f.first[a] < period;
    f.count[a] = some ? (g.kernel[a] - f.first[a] + f.step[a] - 1) / f.step[a] : 0;
    f.stride[a] = 1;
    f.base[a] = some ? (at - f.first[a] * d) / s : 0;
    f.slope[a] = -(f.step[a] * d / s);
  }
  finish(&f);
  return f;
}

void flat_clear(float* to, int64_t n) { __builtin_memset(to, 0, (size_t)n * 4); }

// to[i] = from[i * step]
static void take_row(const float* from, int64_t step, int64_t n, float* to) {
  if (step == 1) return copy_run(from, n, to);
  for (int64_t i = 0; i < n; i++) to[i] = from[i * step];
}

void flat_copy(const Flat& f, const float* from, int64_t channels, float* to) {
  const int64_t cells = f.src[0] * f.src[1] * f.src[2];
  const int64_t phases = f.phases[0] * f.phases[1] * f.phases[2];
  for (int64_t phase = 0; phase < phases; phase++) {
    // Places of the copy that hold some of the source, and where the first one comes from.
    int64_t lo[3], hi[3], at[3], left = phase;
    bool none = false;
    for (int a = 2; a >= 0; a--) {
      const int64_t start = start_of(f, a, left % f.phases[a]), s = f.stride[a];
      left /= f.phases[a];
      lo[a] = clamp(-f.least[a], f.extent[a]);
      hi[a] = clamp(floor_div(f.src[a] - start + s - 1, s) - f.least[a], f.extent[a]);
      at[a] = s * (lo[a] + f.least[a]) + start;
      none = none || lo[a] >= hi[a];
    }
    if (none) continue;
    for (int64_t c = 0; c < channels; c++)
      for (int64_t i = lo[0]; i < hi[0]; i++) {
        const int64_t plane = (at[0] + (i - lo[0]) * f.stride[0]) * f.src[1];
        const float* x = from + c * cells + (plane + at[1]) * f.src[2] + at[2];
        float* y = to + c * f.channel_size + phase * f.phase_size + i * f.pitch[0] + lo[1] * f.pitch[1] + lo[2];
        for (int64_t j = lo[1]; j < hi[1]; j++) {
          take_row(x, f.stride[2], hi[2] - lo[2], y);
          x += f.stride[1] * f.src[2], y += f.pitch[1];
        }
      }
  }
}

void flat_offsets(const Flat& f, int64_t channels, int32_t* offset) {
  for (int64_t c = 0; c < channels; c++)
    for (int64_t i = 0; i < f.count[0]; i++)
      for (int64_t j = 0; j < f.count[1]; j++)
        for (int64_t k = 0; k < f.count[2]; k++) {
          const int64_t tap[3] = {i, j, k};
          int64_t phase = 0, at = c * f.channel_size;
          for (int a = 0; a < 3; a++) {
            phase = phase * f.phases[a] + tap[a] % f.phases[a];
            at += (shift_of(f, a, tap[a]) - f.least[a]) * f.pitch[a];
          }
          *offset++ = (int32_t)(at + phase * f.phase_size);
        }
}

}  // namespace NABLA_ISA
}  // namespace nabla
