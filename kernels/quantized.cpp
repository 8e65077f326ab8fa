// QUANTIZED: rows times a matrix of few bits, which is read where it lies. Rows become integers of 16 bits, group by
// group, so that the sums of a group are exact and the same on every processor; bfloat16 weights are widened instead.
#include "quantized.h"

#include "check.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

constexpr int COLS = QUANTIZED_COLUMNS, VP = COLS / VW;  // vectors of a panel
constexpr int64_t ROWS = 64;                             // rows that are laid out at once
constexpr int64_t GRAIN = 128 * 1024;                    // codes that make a task worth handing over

struct Shape {
  int32_t bits, m, n, k, group;
  int64_t words, groups, panels;
  explicit Shape(const int32_t* p) : bits(p[0]), m(p[1]), n(p[2]), k(p[3]), group(p[4]) {
    words = quantized_words(k, bits);
    groups = group ? ceil_div(k, group) : 0;
    panels = ceil_div(n, COLS);
  }
  // Of a row that is laid out: words of 32 bits, a number or a pair of numbers each.
  int64_t row_words() const { return bits == 16 ? 2 * words : words * (16 / bits); }
  int64_t rows() const { return least(m, ROWS); }
};

typedef uint16_t vh __attribute__((vector_size(NABLA_BYTES)));
typedef int32_t vi_any __attribute__((vector_size(NABLA_BYTES), aligned(1), may_alias));
NABLA_INLINE vi load_words(const char* p) { return *(const vi_any*)p; }

// acc + the products of both halves, which are signed.
NABLA_INLINE vi add_pairs(vi acc, vi a, vi b) {
#if defined(__AVX512F__)
  return wrapping_add(acc, (vi)_mm512_madd_epi16((__m512i)a, (__m512i)b));
#elif defined(__AVX2__)
  return wrapping_add(acc, (vi)_mm256_madd_epi16((__m256i)a, (__m256i)b));
#elif defined(__SSE2__)
  typedef short v8 __attribute__((vector_size(16)));
  return wrapping_add(acc, (vi)__builtin_ia32_pmaddwd128((v8)a, (v8)b));
#elif defined(__wasm_simd128__)
  return wrapping_add(acc, (vi)wasm_i32x4_dot_i16x8((v128_t)a, (v128_t)b));
#else
  const vi low = ((vi)((vu)a << 16) >> 16) * ((vi)((vu)b << 16) >> 16);
  return wrapping_add(acc, wrapping_add(low, (a >> 16) * (b >> 16)));
#endif
}

// The same as one instruction of AVX-512 VNNI, where the processor has it. Not an intrinsic function: those need a function
// that is compiled for such processors only.
#if defined(__AVX512F__) && defined(__x86_64__) && !defined(_WIN32)
bool vnni_here() {
  static const bool has = __builtin_cpu_supports("avx512vnni");
  return has;
}
NABLA_INLINE vi add_pairs_vnni(vi acc, vi a, vi b) {
  __asm__("vpdpwssd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
  return acc;
}
#else
bool vnni_here() { return false; }
NABLA_INLINE vi add_pairs_vnni(vi acc, vi a, vi b) { return add_pairs(acc, a, b); }
#endif
template <bool VNNI>
NABLA_INLINE vi add_products(vi acc, vi a, vi b) {
  return VNNI ? add_pairs_vnni(acc, a, b) : add_pairs(acc, a, b);
}

// Codes of one group as pairs: a word of few bits holds two of its codes 2 or 4 places apart.
template <int BITS>
NABLA_INLINE void pair_codes(const int32_t* codes, int64_t count, int32_t* pairs) {
  constexpr int PER = 32 / BITS, HALF = PER / 2;
  for (int64_t i = 0; i < count; i += PER)
    for (int j = 0; j < HALF; j++)
      pairs[i / 2 + j] = (int32_t)(((uint32_t)codes[i + j] & 0xffff) | (uint32_t)codes[i + j + HALF] << 16);
}

// A row as pairs of integers: for each group the number that they are multiples of, a power of 2, and their sum. A group
// with a number that is not finite has NaN for the former.
void lay_row(const Shape& s, const float* x, int32_t* pairs, float* scale, int32_t* sum) {
  const int64_t end = s.words * (32 / s.bits);
  int32_t codes[MAX_GROUP];
  for (int64_t g = 0; g < s.groups; g++) {
    const int64_t from = g * s.group, to = least(from + s.group, s.k), last = least(from + s.group, end);
    uint32_t top = 0;  // of magnitudes, whose bits are ordered as they are
    for (int64_t i = from; i < to; i++) {
      const uint32_t b = __builtin_bit_cast(uint32_t, x[i]) & 0x7fffffff;
      top = b > top ? b : top;
    }
    const bool finite = top < 0x7f800000;
    // 2^15 is above every quotient; tiny numbers have the least scale.
    const int32_t exponent = finite ? (int32_t)most(top >> 23, 27) : 27;
    const float up = __builtin_bit_cast(float, (uint32_t)(127 + 14 + 127 - exponent) << 23);
    scale[g] = finite ? __builtin_bit_cast(float, (uint32_t)(exponent - 14) << 23) : __builtin_nanf("");
    const vf high = splat(32767.0f);
    for (int64_t i = from; i < to; i += VW) {
      const int n = (int)least(VW, to - i);
      vf y = load_some(x + i, n) * splat(up);
      y = select(y > high, high, select(y < -high, -high, y));
      const vi c = to_int(round_even(finite ? y : (vf){}));
      __builtin_memcpy(codes + (i - from), &c, (size_t)n * 4);
    }
    for (int64_t i = to; i < last; i++) codes[i - from] = 0;
    uint32_t all = 0;
    for (int64_t i = 0; i < last - from; i++) all += (uint32_t)codes[i];
    if (s.bits == 8) pair_codes<8>(codes, last - from, pairs);
    else pair_codes<4>(codes, last - from, pairs);
    pairs += (last - from) / 2;
    sum[g] = (int32_t)all;
  }
}

// What tiles read: rows from `x` on, `x_row` words apart, and their groups; weights from vector 0 of a panel on.
struct Rows {
  const int32_t* x;
  const float* scale;
  const int32_t* sum;
  int64_t x_row, groups;
};
struct Weights {
  const char* codes;
  const float* scales;
  const uint8_t* zeros;  // or null: the middle
};

// Two to 2 * P codes of a word as P vectors of pairs.
template <int BITS>
NABLA_INLINE void unpack(vi w, vi* u) {
  if constexpr (BITS == 8) {
    u[0] = w & splat((int32_t)0x00ff00ff);
    u[1] = (vi)((vh)w >> 8);
  } else {
    const vi low = splat((int32_t)0x000f000f);
    u[0] = w & low;
    u[1] = (vi)((vh)w >> 4) & low;
    u[2] = (vi)((vh)w >> 8) & low;
    u[3] = (vi)((vh)w >> 12);
  }
}

// Sums of R rows by V vectors of columns.
template <int BITS, int V, int R>
void integers(const Shape& s, const Rows& rows, const Weights& w, vf (*f)[V]) {
  constexpr int P = 16 / BITS;
  const int64_t per_group = s.group * BITS / 32;
  const char* codes = w.codes;
  const int32_t* x = rows.x;
  for (int64_t g = 0; g < s.groups; g++) {
    vi acc[R][V];
#pragma GCC unroll 4
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) acc[r][v] = vi{};
    const int64_t words = least(per_group, s.words - g * per_group);
    for (int64_t t = 0; t < words; t++, codes += 4 * COLS, x += P) {
      vi u[V][P];
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) unpack<BITS>(load_words(codes + 4 * VW * v), u[v]);
#pragma GCC unroll 4
      for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int p = 0; p < P; p++) {
          const vi y = splat(x[r * rows.x_row + p]);
#pragma GCC unroll 4
          for (int v = 0; v < V; v++) acc[r][v] = add_pairs(acc[r][v], u[v][p], y);
        }
    }
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      const vf scale = load(w.scales + g * COLS + v * VW);
      vi zero = splat((int32_t)(1 << (BITS - 1)));
      if (w.zeros)
        for (int i = 0; i < VW; i++) zero[i] = w.zeros[g * COLS + v * VW + i];
#pragma GCC unroll 4
      for (int r = 0; r < R; r++) {
        const vi sum = wrapping_sub(acc[r][v], (vi)((vu)zero * (vu)splat(rows.sum[r * rows.groups + g])));
        f[r][v] = fma(to_float(sum), scale * splat(rows.scale[r * rows.groups + g]), f[r][v]);
      }
    }
  }
}

// The same of bfloat16 weights.
template <int V, int R>
void halves(const Shape& s, const Rows& rows, const Weights& w, vf (*f)[V]) {
  const char* codes = w.codes;
  const float* x = (const float*)rows.x;
  for (int64_t t = 0; t < s.words; t++, codes += 4 * COLS, x += 2) {
    vf low[V], high[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      const vi c = load_words(codes + 4 * VW * v);
      low[v] = from_bits((vi)((vu)c << 16)), high[v] = from_bits(c & splat((int32_t)0xffff0000));
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) {
      const vf a = splat(x[r * rows.x_row]), b = splat(x[r * rows.x_row + 1]);
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) f[r][v] = fma(high[v], b, fma(low[v], a, f[r][v]));
    }
  }
}

// R rows by V vectors from vector v0 of a panel on, to where they belong.
template <int BITS, int V, int R>
void tile(const Shape& s, const Rows& rows, const Weights& panel, int v0, float* out, int cols, const float* bias) {
  vf f[R][V];
  for (int r = 0; r < R; r++)
    for (int v = 0; v < V; v++) f[r][v] = vf{};
  const Weights w = {panel.codes + 4 * VW * v0, panel.scales + VW * v0, panel.zeros ? panel.zeros + VW * v0 : nullptr};
  if constexpr (BITS == 16) halves<V, R>(s, rows, w, f);
  else integers<BITS, V, R>(s, rows, w, f);
  for (int r = 0; r < R; r++)
    for (int v = 0; v < V; v++) {
      const int at = (v0 + v) * VW, n = cols - at < VW ? cols - at : VW;
      if (n <= 0) continue;
      store_some(out + r * (int64_t)s.n + at, bias ? f[r][v] + load_some(bias + at, n) : f[r][v], n);
    }
}

// For many rows a panel is unpacked once: pairs of codes less their zero points, which no sum needs then.
constexpr int64_t MANY = 12;
int64_t unpacked_bytes(const Shape& s) { return s.bits < 16 && s.m >= MANY ? 4 * COLS * s.row_words() : 0; }
template <int BITS>
void unpack_panel(const Shape& s, const Weights& w, vi* to) {
  constexpr int P = 16 / BITS;
  const int64_t per_group = s.group * BITS / 32;
  const char* codes = w.codes;
  for (int64_t g = 0; g < s.groups; g++) {
    vi zero[VP];
    for (int v = 0; v < VP; v++) zero[v] = splat((int32_t)((1 << (BITS - 1)) * 0x10001));
    for (int v = 0; v < VP; v++) {
      if (w.zeros)
        for (int i = 0; i < VW; i++) zero[v][i] = w.zeros[g * COLS + v * VW + i] * 0x10001;
    }
    const int64_t words = least(per_group, s.words - g * per_group);
    for (int64_t t = 0; t < words; t++, codes += 4 * COLS, to += P * VP)
      for (int v = 0; v < VP; v++) {
        vi u[P];
        unpack<BITS>(load_words(codes + 4 * VW * v), u);
#pragma GCC unroll 4
        for (int p = 0; p < P; p++) to[p * VP + v] = (vi)((vh)u[p] - (vh)zero[v]);
      }
  }
}

// Sums of R rows by V vectors of a panel that is unpacked: the pairs of a group, then their scales.
template <bool VNNI, int V, int R>
void many(const Shape& s, const Rows& rows, const vi* u, const float* scales, float* out, int cols, const float* bias) {
  vf f[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++)
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) f[r][v] = vf{};
  const int32_t* x = rows.x;
  const int64_t per_group = s.group / 2, all = s.row_words();
  for (int64_t g = 0; g < s.groups; g++) {
    vi acc[R][V];
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) acc[r][v] = vi{};
    const int64_t pairs = least(per_group, all - g * per_group);
    for (int64_t t = 0; t < pairs; t++, u += VP, x++) {
      vi w[V];
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) w[v] = u[v];
#pragma GCC unroll 8
      for (int r = 0; r < R; r++) {
        const vi y = splat(x[r * rows.x_row]);
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) acc[r][v] = add_products<VNNI>(acc[r][v], w[v], y);
      }
    }
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      const vf scale = load(scales + g * COLS + v * VW);
#pragma GCC unroll 8
      for (int r = 0; r < R; r++) f[r][v] = fma(to_float(acc[r][v]), scale * splat(rows.scale[r * rows.groups + g]), f[r][v]);
    }
  }
  for (int r = 0; r < R; r++)
    for (int v = 0; v < V; v++) {
      const int at = v * VW, n = cols - at < VW ? cols - at : VW;
      if (n > 0) store_some(out + r * (int64_t)s.n + at, bias ? f[r][v] + load_some(bias + at, n) : f[r][v], n);
    }
}

typedef void (*Many)(const Shape&, const Rows&, const vi*, const float*, float*, int, const float*);
template <int R>
Many find_many(int64_t rows, bool vnni) {
  if constexpr (R > 1)
    if (rows < R) return find_many<R - 1>(rows, vnni);
  return vnni ? many<true, 2, R> : many<false, 2, R>;
}

// Rows of one panel that is unpacked.
void unpacked_rows(const Shape& s, Rows rows, int64_t count, const vi* u, const float* scales, float* out, int cols, const float* bias) {
  constexpr int64_t MOST = NABLA_BYTES == 64 ? 6 : 3;  // as the registers allow
  const bool vnni = vnni_here();
  while (count > 0) {
    const int64_t r = least(MOST, count);
    const Many tile = find_many<(int)MOST>(r, vnni);
    for (int v = 0; v < VP && v * VW < cols; v += 2)
      tile(s, rows, u + v, scales + v * VW, out + v * VW, cols - v * VW, bias ? bias + v * VW : nullptr);
    rows.x += r * rows.x_row, rows.scale += r * s.groups, rows.sum += r * s.groups, out += r * s.n, count -= r;
  }
}

// Rows of one panel.
template <int BITS>
void panel_rows(const Shape& s, Rows rows, int64_t count, const Weights& panel, float* out, int cols, const float* bias) {
  constexpr int ONE = VP < 4 ? VP : 4;
  const auto next = [&](int64_t by) { rows.x += by * rows.x_row, rows.scale += by * s.groups, rows.sum += by * s.groups, out += by * s.n, count -= by; };
  while (count >= 4) {
    for (int v = 0; v < VP && v * VW < cols; v += 2) tile<BITS, 2, 4>(s, rows, panel, v, out, cols, bias);
    next(4);
  }
  if (count >= 2) {
    for (int v = 0; v < VP && v * VW < cols; v += 2) tile<BITS, 2, 2>(s, rows, panel, v, out, cols, bias);
    next(2);
  }
  if (count)
    for (int v = 0; v < VP && v * VW < cols; v += ONE) tile<BITS, ONE, 1>(s, rows, panel, v, out, cols, bias);
}

// The parts of what all threads read, in bytes: rows, scales, sums.
int64_t line(int64_t bytes) { return (bytes + 63) & ~(int64_t)63; }
int64_t x_bytes(const Shape& s) { return line(4 * s.rows() * s.row_words()); }
int64_t group_bytes(const Shape& s) { return line(4 * s.rows() * s.groups); }

}  // namespace

bool quantized_validate(Check& c) {
  Reader r(c);
  r.real_dtype();
  const int32_t bits = r.word();
  if (bits != 4 && bits != 8 && bits != 16) return r.fail("codes have 4, 8 or 16 bits");
  int32_t e[3];
  r.extents(3, e);
  const int32_t group = r.between(0, MAX_GROUP, "the group is out of range");
  if (bits == 16 ? group != 0 : group < 8 || group % 8) return r.fail("the group is out of range");
  const int32_t head[5] = {bits, e[0], e[1], e[2], group};
  const Shape s(head);
  // Products of three extents may leave 64 bits; of two they do not.
  const int64_t columns = s.panels * COLS;
  if (s.words && columns > INT32_MAX / 4 / s.words) return r.fail("too many elements");
  const int width = bits == 16 ? 2 : 1;
  const Range x = r.operand(4, r.count(s.m, s.k)), w = r.operand(width, columns * s.words * 4 / width);
  const Range scales = r.operand(4, columns * s.groups, true), zeros = r.operand(1, columns * s.groups, true);
  if (r.ok && ((bits == 16) != (scales.slot < 0) || (bits == 16 && zeros.slot >= 0))) return r.fail("scales belong to codes of 4 and 8 bits");
  const Range out = r.operand(4, r.count(s.m, s.n)), bias = r.operand(4, s.n, true);
  r.apart(out, x), r.apart(out, w), r.apart(out, scales), r.apart(out, zeros), r.apart(out, bias);
  if (r.ok) c.shared = x_bytes(s) + 2 * group_bytes(s), c.per_thread = unpacked_bytes(s);
  return r.done();
}

void quantized_run(const Exec& e) {
  const Shape s(e.w + 3);
  if (!s.m || !s.n) return;
  const int32_t* p = e.w + 8;
  const float* const x = s.k ? operand<float>(e, p) : nullptr;
  const char* const codes = s.k ? (const char*)e.slots[p[2]] + (int64_t)p[3] * (s.bits == 16 ? 2 : 1) : nullptr;
  const float* const scales = operand<float>(e, p + 4);
  const uint8_t* const zeros = operand<uint8_t>(e, p + 6);
  float* const out = operand<float>(e, p + 8);
  const float* const bias = operand<float>(e, p + 10);
  int32_t* const laid = (int32_t*)e.shared;
  float* const scale = (float*)(e.shared + x_bytes(s));
  int32_t* const sum = (int32_t*)((char*)scale + group_bytes(s));
  const int64_t row_words = s.row_words();
  for (int64_t i = 0; i < s.m; i += ROWS) {
    const int64_t rows = least(ROWS, s.m - i);
    parallel_for(e, rows, 32 * 1024 / (s.k + 1) + 1, [&](int64_t from, int64_t to) {
      for (int64_t r = from; r < to; r++) {
        const float* row = x + (i + r) * s.k;
        int32_t* to_row = laid + r * row_words;
        if (s.bits == 16) {
          for (int64_t q = 0; q < s.k; q++) ((float*)to_row)[q] = row[q];
          for (int64_t q = s.k; q < row_words; q++) to_row[q] = 0;
        } else {
          lay_row(s, row, to_row, scale + r * s.groups, sum + r * s.groups);
        }
      }
    });
    const bool many = s.bits < 16 && rows >= MANY;
    // A panel has work for each row.
    const int64_t grain = GRAIN / (COLS * (s.k + 1) * (many ? rows : 1)) + 1;
    const int tasks = cut(e, s.panels, grain);
    parallel(e, tasks, [&](int task, int thread) {
      const int64_t to = s.panels * (task + 1) / tasks;
      for (int64_t j = s.panels * task / tasks; j < to; j++) {
        const Weights panel = {codes + j * s.words * 4 * COLS, scales ? scales + j * s.groups * COLS : nullptr, zeros ? zeros + j * s.groups * COLS : nullptr};
        const Rows all = {laid, scale, sum, row_words, s.groups};
        const int cols = (int)least(COLS, s.n - j * COLS);
        float* const to_out = out + i * s.n + j * COLS;
        const float* const b = bias ? bias + j * COLS : nullptr;
        if (many) {
          vi* const u = (vi*)(e.scratch + thread * e.per_thread);
          if (s.bits == 8) unpack_panel<8>(s, panel, u);
          else unpack_panel<4>(s, panel, u);
          unpacked_rows(s, all, rows, u, panel.scales, to_out, cols, b);
        } else if (s.bits == 16) panel_rows<16>(s, all, rows, panel, to_out, cols, b);
        else if (s.bits == 8) panel_rows<8>(s, all, rows, panel, to_out, cols, b);
        else panel_rows<4>(s, all, rows, panel, to_out, cols, b);
      }
    });
  }
}

}  // namespace NABLA_ISA
}  // namespace nabla
