// Elementary functions on a vector of doubles, right to a few units in the last place. Each reduces its argument and
// evaluates a polynomial that was fitted at Chebyshev's points with 50 digits; special values are PyTorch's. Error bounds
// are held by tests/math64_test.cpp.
#pragma once
#ifdef NABLA_TRACE
#include "trace.h"
#else
#include "simd.h"
#endif

namespace nabla {
namespace NABLA_ISA {

constexpr double LN2_HI = 0x1.62e42feep-1, LN2_LO = 0x1.a39ef35793c76p-33;  // 33 bits: products with exponents are exact
constexpr double LOG2E = 0x1.71547652b82fep+0;
constexpr double PI_2 = 0x1.921fb54442d18p+0, PI_2_LO = 0x1.1a62633145c07p-54;
constexpr double ROUNDER = 0x1.8p52;  // adding it rounds to an integer, kept in the low bits

template <class... C>
NABLA_INLINE vf poly(vf x, double c0, C... c) {
  if constexpr (sizeof...(c) == 0)
    return splat(c0);
  else
    return fma(x, poly(x, c...), splat(c0));
}
// An integral number below 2^51 as an integer, and back.
NABLA_INLINE vi whole(vf n) { return wrapping_sub(bits(n + ROUNDER), bits(splat(ROUNDER))); }
NABLA_INLINE vf fraction(vi k) { return from_bits(wrapping_add(k, bits(splat(ROUNDER)))) - ROUNDER; }

// ---- rounding, signs, comparisons ----

NABLA_INLINE vf v_floor(vf x) { return floor_hw(x); }
NABLA_INLINE vf v_ceil(vf x) { return ceil_hw(x); }
NABLA_INLINE vf v_round(vf x) { return round_even(x); }
NABLA_INLINE vf v_trunc(vf x) { return trunc_hw(x); }
NABLA_INLINE vf v_abs(vf x) { return abs_bits(x); }
NABLA_INLINE vf v_copysign(vf a, vf b) { return copysign_bits(a, b); }
NABLA_INLINE vi v_isnan(vf x) { return x != x; }
NABLA_INLINE vi v_isinf(vf x) { return abs_bits(x) == splat(INF); }
NABLA_INLINE vf v_sign(vf x) { return select(x > 0.0, splat(1.0), select(x < 0.0, splat(-1.0), splat(0.0))); }
NABLA_INLINE vf v_min(vf a, vf b) { return select(a != a, a, select(b != b, b, min_hw(a, b))); }
NABLA_INLINE vf v_max(vf a, vf b) { return select(a != a, a, select(b != b, b, max_hw(a, b))); }
NABLA_INLINE vf v_sqrt(vf x) { return sqrt_hw(x); }
NABLA_INLINE vf v_rsqrt(vf x) { return 1.0 / sqrt_hw(x); }
NABLA_INLINE vf v_reciprocal(vf x) { return 1.0 / x; }
NABLA_INLINE vf nan64() { return splat(__builtin_nan("")); }

// Rounded to float16: 11 bits, and below 2^-14 steps of 2^-24. And to bfloat16, 8 bits, and steps of 2^-133.
NABLA_INLINE vf to_short(vf x, int dropped, double least, double step, double most) {
  const vf m = abs_bits(x);
  const vi a = bits(m), r = wrapping_add(a, ((a >> dropped) & 1) + (((int64_t)1 << (dropped - 1)) - 1)) & ~splat(((int64_t)1 << dropped) - 1);
  const vf normal = select(from_bits(r) > most, splat(INF), from_bits(r));
  return select(x != x, x, copysign_bits(select(m < least, (m + step) - step, normal), x));
}
NABLA_INLINE vf v_float(vf x) { return shorten(x); }
NABLA_INLINE vf v_half(vf x) { return to_short(x, 42, 0x1p-14, 0x1p28, 65504.0); }
NABLA_INLINE vf v_bhalf(vf x) { return to_short(x, 45, 0x1p-126, 0x1p-81, 0x1.fep127); }

// ---- exponentials ----

// p * 2^n for integral n in [-2100, 2100], rounding once where the result is denormal.
NABLA_INLINE vf scale2(vf p, vf n) {
#ifdef NABLA_HAS_SCALEF
  return scalef_hw(p, n);
#else
  // The first factor is 2^1023, 1 or 2^-969 (after which p is not denormal yet), and the second what is left.
  const vf first = select(n > 1022.0, splat(1022.0), select(n < -1021.0, splat(-969.0), splat(0.0))), rest = n - first;
  const vf second = select(rest < -1022.0, splat(-1022.0), select(rest > 1023.0, splat(1023.0), rest));
  return p * from_bits((whole(first) + 1023) << 52) * from_bits((whole(second) + 1023) << 52);
#endif
}
// x limited to [lo, hi], NaN kept.
NABLA_INLINE vf limit(vf x, double lo, double hi) { return max_hw(splat(lo), min_hw(splat(hi), x)); }
// e^r - 1 over r, |r| <= ln2/2, as 1 + r * this.
NABLA_INLINE vf exp_tail(vf r) {
  return poly(r, 0.5, 0.16666666666666669, 0.041666666666624164, 0.008333333333330065, 0.0013888888917196719,
              0.00019841269863040545, 2.4801521322368692e-05, 2.7557268480310024e-06, 2.7620075879983367e-07,
              2.5100375832561234e-08);
}
NABLA_INLINE vf minus_n_ln2(vf x, vf n) { return fma(n, splat(-LN2_LO), fma(n, splat(-LN2_HI), x)); }
// e^(x + tail), for x within [-1500, 800] or NaN.
NABLA_INLINE vf exp_sum(vf x, vf tail) {
  const vf n = round_even(x * LOG2E), r = minus_n_ln2(x, n) + tail;
  return scale2(fma(fma(exp_tail(r), r, splat(1.0)), r, splat(1.0)), n);
}
NABLA_INLINE vf v_exp(vf x) {
  const vf y = limit(x, -800.0, 800.0), n = round_even(y * LOG2E), r = minus_n_ln2(y, n);
  return scale2(fma(fma(exp_tail(r), r, splat(1.0)), r, splat(1.0)), n);
}
NABLA_INLINE vf v_exp2(vf x) {
  const vf y = limit(x, -1100.0, 1100.0), n = round_even(y), r = (y - n) * 0.6931471805599453;
  return scale2(fma(fma(exp_tail(r), r, splat(1.0)), r, splat(1.0)), n);
}
// (e^x - 1) / 2 for x within [-80, 710], accurate near zero (but it loses the sign of -0).
NABLA_INLINE vf half_expm1(vf x) {
  const vf n = round_even(x * LOG2E), h = fma(n, splat(-LN2_HI), x), l = n * LN2_LO, r = h - l, lost = (h - r) - l;
  const vf p = r + fma(r * r, exp_tail(r), lost), s = from_bits((whole(n) + 1022) << 52);
  return fma(s, p, s - 0.5);
}
NABLA_INLINE vf v_expm1(vf x) {
  const vf h = half_expm1(limit(x, -50.0, 710.0));
  return select(abs_bits(x) < 0x1p-54, x, h + h);
}
NABLA_INLINE vf v_sigmoid(vf x) {
  const vf e = v_exp(-abs_bits(x));
  return select(x >= 0.0, splat(1.0), e) / (1.0 + e);
}
NABLA_INLINE vf v_tanh(vf x) {
  const vf a = limit(abs_bits(x), 0.0, 22.0), h = half_expm1(a + a);  // NaN stays
  return select(abs_bits(x) < 0x1p-28, x, copysign_bits(h / (h + 1.0), x));
}
NABLA_INLINE vf v_sinh(vf x) {
  const vf a = limit(abs_bits(x), 0.0, 711.0), b = limit(a, 0.0, 700.0), h = half_expm1(b);
  // (e - 1 + (e - 1) / e) / 2, of which near 0 the second part is as large as the first.
  const vf e = h + h, s = h + h / (1.0 + e), half = v_exp(a * 0.5);
  return select(abs_bits(x) < 0x1p-28, x, copysign_bits(select(a > 700.0, half * 0.5 * half, s), x));
}
NABLA_INLINE vf v_cosh(vf x) {
  const vf a = limit(abs_bits(x), 0.0, 711.0), half = v_exp(a * 0.5), e = v_exp(limit(a, 0.0, 700.0));
  return select(a > 700.0, half * 0.5 * half, 0.5 * e + 0.5 / e);
}

// ---- logarithms ----

// x = 2^e m with sqrt(1/2) <= m < sqrt(2), for positive finite x.
struct Split {
  vf e, m;
};
NABLA_INLINE Split split(vf x) {
  const vi tiny = x < 0x1p-1022;
  const vi i = wrapping_sub(bits(select(tiny, x * 0x1p54, x)), splat((word)0x3fe6a09e667f3bcd));
  return {fraction((i >> 52) - (tiny & 54)), from_bits((i & 0xfffffffffffff) + (word)0x3fe6a09e667f3bcd)};
}
NABLA_INLINE vf log_special(vf x, vf r) {
  r = select(x > 0.0, r, nan64());
  r = select(x == 0.0, splat(-INF), r);
  return select(x == INF, x, r);
}
// What log(1 + f) is less than f, with s = f / (2 + f), by the series of its atanh; `more` is added to the logarithm.
NABLA_INLINE vf log_lack(vf f, vf s, vf more) {
  const vf w = s * s, half = 0.5 * f * f;
  const vf r = w * poly(w, 0.666666666666667, 0.3999999999989889, 0.28571428626253836, 0.22222211089379496, 0.1818289243253687,
                        0.15331611722055008, 0.14617807153417325);
  return half - fma(s, half + r, more);
}
NABLA_INLINE vf log_lack(vf f, vf more) { return log_lack(f, f / (2.0 + f), more); }
NABLA_INLINE vf v_log(vf x) {
  const Split s = split(x);
  const vf f = s.m - 1.0;
  return log_special(x, s.e * LN2_HI - (log_lack(f, s.e * LN2_LO) - f));
}
// The logarithm times a factor of which `hi` has 32 bits, plus e * unit.
NABLA_INLINE vf log_of_base(vf x, double hi, double lo, double unit, double unit_lo) {
  const Split s = split(x);
  const vf f = s.m - 1.0, lack = log_lack(f, splat(0.0));
  // The upper half of f - lack, whose product is exact, and what it lacks.
  const vf y = from_bits(bits(f - lack) & (word)0xffffffff00000000), rest = (f - y) - lack;
  const vf low = fma(rest, splat(hi + lo), fma(y, splat(lo), s.e * unit_lo)), high = y * hi, e = s.e * unit, sum = e + high;
  return log_special(x, sum + ((e - sum) + high + low));
}
NABLA_INLINE vf v_log2(vf x) { return log_of_base(x, 0x1.71547652p+0, 0x1.705fc2eefa2p-33, 1.0, 0.0); }
NABLA_INLINE vf v_log10(vf x) {
  return log_of_base(x, 0x1.bcb7b152p-2, 0x1.b9438ca9aadd5p-36, 0x1.34413509f6p-2, 0x1.9fef311f12b36p-42);
}
NABLA_INLINE vf v_log1p(vf x) {
  // The logarithm of u = 2^e m = 1 + x, and what u lacks of it; one division serves lost / m and f / (2 + f).
  const vf u = 1.0 + x;
  const Split s = split(u);
  const vi near = s.e == 0.0;
  const vf f = select(near, x, s.m - 1.0), q = 1.0 / (s.m * (2.0 + f));
  const vf unit = from_bits(bits(splat(1.0)) - (whole(limit(s.e, -1000.0, 1000.0)) << 52));  // 2^-e, where the gap counts
  const vf gap = select(near, splat(0.0), select(s.e > 0.0, 1.0 - (u - x), x - (u - 1.0)));
  const vf lost = gap * unit * ((2.0 + f) * q);
  const vf r = copysign_bits(s.e * LN2_HI - (log_lack(f, f * (s.m * q), fma(s.e, splat(LN2_LO), lost)) - f), x);
  return select(x > -1.0, select(x == INF, x, r), select(x == -1.0, splat(-INF), nan64()));
}
NABLA_INLINE vf v_asinh(vf x) {
  const vf a = abs_bits(x), w = a * a, large = v_log(a) + 0.6931471805599453;
  const vf r = select(a > 0x1p28, large, v_log1p(a + w / (1.0 + sqrt_hw(w + 1.0))));
  return copysign_bits(select(a < 0x1p-28, a, r), x);
}
NABLA_INLINE vf v_acosh(vf x) {
  const vf t = x - 1.0;
  const vf r = select(x > 0x1p28, v_log(x) + 0.6931471805599453, v_log1p(t + sqrt_hw(t * (2.0 + t))));
  return select(x < 1.0, nan64(), r);
}
NABLA_INLINE vf v_atanh(vf x) {
  const vf a = abs_bits(x);
  return copysign_bits(select(a < 0x1p-28, a, 0.5 * v_log1p((a + a) / (1.0 - a))), x);
}

// Machine code leaves these to the interpreter, which takes single lanes apart.
#ifndef NABLA_TRACE

// ---- circular functions ----

// x - n pi/2 as r + tail, and n modulo 4.
struct Quarter {
  vf r, tail;
  vi n;
};
inline unsigned __int128 multiply(uint64_t a, uint64_t b) {  // for which WebAssembly would call a library
  const uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
  const uint64_t low = al * bl, mid = ah * bl + (low >> 32), more = al * bh + (uint32_t)mid;
  return (unsigned __int128)(ah * bh + (mid >> 32) + (more >> 32)) << 64 | (more << 32 | (uint32_t)low);
}
// For one number of any size: the product of its 53 bits with those of 2/pi that do not only give multiples of 4.
inline void quarter_of_large(double x, double* r, int64_t* n) {
  // 64 zeros and the digits of 2/pi after the point, 64 a word.
  static const uint64_t DIGITS[] = {0,
                                    0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
                                    0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484,
                                    0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f,
                                    0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d, 0x7527bac7ebe5f17b,
                                    0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab, 0xf0cfbc209af4361d};
  const uint64_t b = __builtin_bit_cast(uint64_t, x);
  const uint64_t m = (b & 0xfffffffffffff) | 0x10000000000000;
  // x is m 2^e. Digits before this one only give multiples of 4.
  const int e = (int)(b >> 52 & 2047) - 1075, from = e - 2 + 64;
  const auto word_at = [&](int i) {
    const int w = i / 64, s = i % 64;
    return s ? DIGITS[w] << s | DIGITS[w + 1] >> (64 - s) : DIGITS[w];
  };
  // The upper 128 of the lower 192 digits of the product; the first two are the quarter.
  const unsigned __int128 low = multiply(m, word_at(from + 128));
  const unsigned __int128 mid = multiply(m, word_at(from + 64)) + (uint64_t)(low >> 64);
  const uint64_t top = m * word_at(from) + (uint64_t)(mid >> 64);
  unsigned __int128 p = (unsigned __int128)top << 64 | (uint64_t)mid;
  int64_t q = (int64_t)(top >> 62);
  p <<= 2;
  // To the nearest one.
  const bool up = p >> 127;
  q += up;
  if (up) p = -p;
  // 26 bits, whose product with those of pi/2 is exact, and the rest.
  const double head = (double)(uint64_t)(p >> 102) * 0x1p-26, rest = (double)(uint64_t)(p << 26 >> 64) * 0x1p-90;
  double f = head * 0x1.921fb5p+0 + (head * 0x1.110b4611a6263p-26 + rest * 1.5707963267948966);
  if (up) f = -f;
  if (b >> 63) f = -f, q = -q;
  *r = f, *n = q;
}
NABLA_INLINE Quarter quarter(vf x) {
  // pi/2 in parts of 33 bits: products with n are exact while n has 20.
  constexpr double P1 = 0x1.921fb544p+0, P2 = 0x1.0b4611a6p-34, P3 = 0x1.3198a2e037073p-69;
  const vf n = round_even(x * 0.63661977236758134);
  const vf a = x - n * P1, b = n * P2, r = a - b, lost = (a - r) - b, sum = r + fma(n, splat(-P3), lost);
  Quarter q = {sum, (r - sum) + fma(n, splat(-P3), lost), whole(n)};
  if (const vi large = (abs_bits(x) > 800000.0); any(large))
    for (int i = 0; i < VW; i++)
      if (large[i]) {
        double f = __builtin_nan("");
        int64_t k = 0;
        if (__builtin_fabs(x[i]) < __builtin_inf()) quarter_of_large(x[i], &f, &k);
        q.r[i] = f, q.tail[i] = 0, q.n[i] = k;
      }
  q.r = select(x == 0.0, x, q.r);
  return q;
}
struct SinCos {
  vf s, c;
};
NABLA_INLINE SinCos sincos_of(vf x) {
  const Quarter q = quarter(x);
  const vf r = q.r, z = r * r;
  const vf p = poly(z, 0.008333333333330936, -0.00019841269836740532, 2.7557316093198404e-06, -2.5051129896450185e-08,
                    1.5917988979397435e-10);
  const vf s = r - ((z * (0.5 * q.tail - r * z * p) - q.tail) - r * z * -0.16666666666666666);
  const vf c = poly(z, 0.041666666666666664, -0.0013888888888887389, 2.48015872987544e-05, -2.755731726587808e-07,
                    2.087614504941318e-09, -1.138254464534925e-11);
  const vf half = 0.5 * z, w = 1.0 - half, k = w + (((1.0 - w) - half) + (z * z * c - r * q.tail));
  const vi swap = -(q.n & 1), minus_s = (q.n & 2) << 62, minus_c = (wrapping_add(q.n, splat((word)1)) & 2) << 62;
  return {from_bits(bits(select(swap, k, s)) ^ minus_s), from_bits(bits(select(swap, s, k)) ^ minus_c)};
}
NABLA_INLINE vf v_sin(vf x) { return sincos_of(x).s; }
NABLA_INLINE vf v_cos(vf x) { return sincos_of(x).c; }
NABLA_INLINE vf v_tan(vf x) {
  const SinCos t = sincos_of(x);
  return t.s / t.c;
}
NABLA_INLINE vf v_atan(vf x) {
  const vf a = abs_bits(x);
  const vi big = a > 1.0;
  vf t = select(big, 1.0 / a, a);
  const vi upper = t > 0.41421356237309503;
  t = select(upper, (t - 1.0) / (t + 1.0), t);
  const vf z = t * t;
  const vf p = z * poly(z, -0.3333333333333333, 0.19999999999995519, -0.14285714284666184, 0.11111111015227572, -0.09090904576954117,
                        0.07692183163650894, -0.06664511064599371, 0.05858145587628202, -0.050854323376990765, 0.0392311556198723,
                        -0.01917627151752634);
  vf r = fma(t, p, t);
  r = select(upper, 0.7853981633974483 + (r + 3.061616997868383e-17), r);
  r = select(big, (PI_2 - r) + PI_2_LO, r);
  return copysign_bits(r, x);
}
NABLA_INLINE vf asin_more(vf z) {  // (asin(s) - s) / s of z = s^2 <= 1/4
  return z * poly(z, 0.16666666666666669, 0.07499999999998433, 0.04464285714635543, 0.030381944138531247, 0.02237217294214989,
                  0.017352392720869973, 0.013971212973552933, 0.011479177415184906, 0.01032281435018578, 0.005457506718640358,
                  0.01740087944269402, -0.014851887071247204, 0.028757851367421566);
}
NABLA_INLINE vf v_asin(vf x) {
  const vf a = abs_bits(x), z = (1.0 - a) * 0.5, s = sqrt_hw(z);
  const vi small = a < 0.5;
  const vf y = select(small, a, s), more = asin_more(select(small, a * a, z)), r = fma(y, more, y);
  return copysign_bits(select(small, r, PI_2 - (r + r - PI_2_LO)), x);
}
NABLA_INLINE vf v_acos(vf x) {
  const vf a = abs_bits(x), z = (1.0 - a) * 0.5, s = sqrt_hw(z);
  const vi small = a < 0.5;
  const vf more = asin_more(select(small, a * a, z));
  const vf middle = PI_2 - (x - (PI_2_LO - x * more)), right = 2.0 * fma(s, more, s);
  return select(small, middle, select(x < 0.0, 2.0 * PI_2 - (right - 2.0 * PI_2_LO), right));
}
NABLA_INLINE vf v_atan2(vf y, vf x) {
  const vf ax = abs_bits(x), ay = abs_bits(y);
  const vi both = ax == ay;  // 0/0 and inf/inf count as 0 and 1
  vf r = v_atan(select(both, select(ay == 0.0, splat(0.0), splat(1.0)), ay / ax));
  r = select(bits(x) < 0, 2.0 * PI_2 - (r - 2.0 * PI_2_LO), r);
  return select((x == x) & (y == y), copysign_bits(r, y), x + y);
}
NABLA_INLINE vf v_hypot(vf a, vf b) {
  const vf x = abs_bits(a), y = abs_bits(b), m = select(x > y, x, y);
  // Squares that neither overflow nor vanish.
  const vf scale = select(m > 0x1p500, splat(0x1p-600), select(m < 0x1p-500, splat(0x1p600), splat(1.0)));
  const vf p = x * scale, q = y * scale;
  const vf r = sqrt_hw(p * p + q * q) * select(m > 0x1p500, splat(0x1p600), select(m < 0x1p-500, splat(0x1p-600), splat(1.0)));
  return select(v_isinf(a) | v_isinf(b), splat(INF), r);
}

// ---- powers ----

// a * b as p + e, where no fused multiply-add says what is lost by halves of 26 bits.
struct Exact {
  vf p, e;
};
NABLA_INLINE Exact product(vf a, vf b) {
  const vf p = held(a * b);  // so that the compiler does not make it a part of a later sum
  if constexpr (HAS_FMA) return {p, fma(a, b, -p)};
  const vf ah = from_bits(bits(a) & (word)0xfffffffff8000000), bh = from_bits(bits(b) & (word)0xfffffffff8000000);
  const vf al = a - ah, bl = b - bh;
  return {p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
}
// ln of a positive number with some 64 bits.
NABLA_INLINE Exact log_exact(vf x) {
  const Split k = split(x);
  const vf f = k.m - 1.0, d = 2.0 + f, dl = f - (d - 2.0);  // f / (d + dl) is s + sl
  const vf s = f / d;
  const Exact sd = product(s, d);
  const vf sl = (((f - sd.p) - sd.e) - s * dl) / d;
  // 2 s + 2/3 s^3 + ..., the second term with all its bits too.
  const Exact w = product(s, s);
  const vf we = w.e + 2.0 * s * sl;
  const Exact cube = product(w.p, s);
  const vf ce = cube.e + (we * s + w.p * sl);
  const Exact third = product(cube.p, splat(0.66666666666666663));
  const vf te = third.e + ce * 0.66666666666666663 + cube.p * 3.700743415417188e-17;
  const vf rest = cube.p * w.p * poly(w.p, 0.4000000000000003, 0.2857142857133801, 0.22222222271326808, 0.18181808210921882,
                                      0.15385577463308145, 0.13285868837545742, 0.1291471218393509);
  const vf high = k.e * LN2_HI;
  vf sum = high + 2.0 * s, lost = (high - sum) + 2.0 * s;
  vf all = sum + third.p;
  lost += (sum - all) + third.p;
  lost += rest + te + 2.0 * sl + k.e * LN2_LO;
  const vf p = all + lost;
  return {p, (all - p) + lost};
}
// C's rules for zeros, infinities, NaN and negative bases.
NABLA_INLINE vf v_pow(vf a, vf b) {
  const vf m = abs_bits(a), mag = abs_bits(b);
  const vi plain = (m > 0.0) & (m < INF);
  const Exact l = log_exact(select(plain, m, splat(1.0)));
  const vf e = limit(b, -0x1p80, 0x1p80);
  const Exact t = product(l.p, e);
  const vf head = limit(t.p, -1500.0, 800.0), tail = select(head == t.p, t.e + l.e * e, splat(0.0));
  vf r = exp_sum(head, limit(tail, -1.0, 1.0));
  r = select(plain, r, select((m == 0.0) == (b > 0.0), splat(0.0), splat(INF)));
  const vi is_whole = trunc_hw(b) == b, small = mag < 0x1p53;
  const vf half = 0.5 * select(small, b, splat(0.0));
  const vi odd = is_whole & small & (trunc_hw(half) != half);
  r = select((bits(a) < 0) & odd, -r, r);
  r = select((a < 0.0) & ~is_whole & ~v_isinf(a) & ~v_isinf(b) & (b == b), nan64(), r);
  r = select(v_isinf(b), select(m == 1.0, splat(1.0), select((m > 1.0) == (b > 0.0), splat(INF), splat(0.0))), r);
  r = select((a != a) | (b != b), a + b, r);
  return select((b == 0.0) | (a == 1.0), splat(1.0), r);
}

#endif

// ---- error function ----

NABLA_INLINE vf erf_small(vf x) {  // |x| <= 1
  const vf p = poly(x * x, 0.1283791670955126, -0.3761263890318375, 0.11283791670954879, -0.026866170645076792, 0.0052239776248180145,
                    -0.000854832698083379, 0.0001205533111164271, -1.4925595266831182e-05, 1.6461000484121368e-06,
                    -1.6350312701054695e-07, 1.4659775274047436e-08, -1.1372848856791674e-09, 5.957176147748911e-11);
  return fma(x, p, x);
}
// erfc of a from 0.8 to 27.3: e^(-a^2) R(a) / (1 + 2 a). a^2 is that of x (or its half): from a 26-bit head, whose square
// is exact, and a tail.
NABLA_INLINE vf erfc_large(vf a, vf x, double part) {
  const vf h = from_bits(bits(x) & (word)0xfffffffff8000000), l = (x - h) * part;
  const vf d = a + 3.75, o = fma(a, splat(2.0), splat(1.0)), inverse = 1.0 / (d * o);  // one division for both
  const vf t = (a - 3.75) * (o * inverse);
  const vf p = poly(t, 1.2375126308378275, -0.14024059858554702, 0.003585415485465672, 0.08227673849015331, -0.10880393014185477,
                    0.09230432116009332, -0.05869339858627279, 0.02836227742347472, -0.009746579611187401, 0.0017556258152541255,
                    0.0002937141445083772, -0.0002901539150046192, 5.164646343900894e-05, 2.238394451230605e-05,
                    -1.1435032562977794e-05, -9.740103746137155e-07, 1.731928972526849e-06, -5.407649519160307e-08,
                    -2.331574183192795e-07, 1.7648439982606746e-08, 2.093404254005597e-08);
  const vf y = -(h * h * part), n = round_even(y * LOG2E), r = minus_n_ln2(y, n) - l * (x + h);
  const vf e = fma(fma(exp_tail(r), r, splat(1.0)), r, splat(1.0));
  return scale2(e * (p * (d * inverse)), n);
}
NABLA_INLINE vf v_erf(vf x) {
  // Above 1 it is 1 - 2^-q; from 5.95 on that is 1. The fit's error is weighed by 2^-q.
  const vf a = abs_bits(x), b = limit(a, 0.97, 5.95);
  const vf q = poly(b - 1.5, 4.88278995352395, 5.0621295161945365, 1.2878077782757622, 0.03725635962777636, -0.00866590322218632,
                    0.0018137802725381952, -0.0003115692048503017, 3.2422735668475515e-05, 3.818635099290825e-06,
                    -3.4206575796011987e-06, 1.1812329315762458e-06, -2.773041531352241e-07, 3.969568860647675e-08,
                    1.3299709151674378e-09, -2.7386386681776955e-09, 8.177473242078147e-10, -1.2217523273023838e-10,
                    7.74586196042043e-12);
  const vf n = round_even(q), r = (n - q) * 0.6931471805599453, e = fma(fma(exp_tail(r), r, splat(1.0)), r, splat(1.0));
  const vf scale = from_bits(bits(splat(1.0)) - (whole(min_hw(n, splat(64.0))) << 52));  // NaN goes on in e
  return select(a <= 1.0, erf_small(x), copysign_bits(fma(-e, scale, splat(1.0)), x));
}
NABLA_INLINE vf v_erfc(vf x) {
  const vf a = abs_bits(x), b = limit(a, 0.8, 27.3), c = erfc_large(b, b, 1.0);
  return select(a < 0.8, 1.0 - erf_small(x), select(x < 0.0, 2.0 - c, c));
}
NABLA_INLINE vf v_ndtr(vf x) {
  // The square is half of x's own: what x / sqrt(2) lacks would count in the tail.
  const vf y = limit(abs_bits(x), 1.13, 38.6), c = 0.5 * erfc_large(y * 0.70710678118654757, y, 0.5);
  const vf middle = 0.5 + 0.5 * erf_small(x * 0.70710678118654757);
  return select(abs_bits(x) < 1.13, middle, select(x > 0.0, 1.0 - c, c));
}
NABLA_INLINE vf v_erfinv(vf x) {
  const vf a = abs_bits(x), w = -v_log((1.0 - a) * (1.0 + a));
  const vf near = poly(w - 2.5, 1.50140936045, 0.246640279055, -0.0041773928752, -0.00125272639177, 0.00021834938624,
                       -4.97241968945e-6, -3.46398526763e-6, 4.68131348055e-7, 2.33359671957e-8, -8.93192597024e-9);
  const vf root = sqrt_hw(w), far = root - (0.5 * v_log(w) + 0.57236494292470008) / (root + root);  // the first terms for large w
  vf y = select(w < 5.0, a * near, far);
  // Halley's steps, near 1 by what both lack of it.
  for (int i = 0; i < 3; i++) {
    const vf off = select(a < 0.5, v_erf(y) - a, (1.0 - a) - v_erfc(y)), slope = 1.1283791670955126 * v_exp(-(y * y));
    y = y - off / fma(off, y, slope);
  }
  return select(a == 1.0, x * INF, select(a < 0x1p-30, x * 0.88622692545275801, copysign_bits(y, x)));
}

#ifndef NABLA_TRACE
// ---- remainders: exact, lane by lane ----

inline double fmod_of(double a, double b) {
  uint64_t x = __builtin_bit_cast(uint64_t, a), y = __builtin_bit_cast(uint64_t, b);
  const uint64_t sign = x & 0x8000000000000000;
  x ^= sign, y &= 0x7fffffffffffffff;
  if (y == 0 || x >= 0x7ff0000000000000 || y > 0x7ff0000000000000) return __builtin_nan("");
  if (x < y) return a;
  const auto normal = [](uint64_t v, int* e) {
    *e = (int)(v >> 52);
    uint64_t m = v & 0xfffffffffffff;
    if (*e) return m | 0x10000000000000;
    const int s = __builtin_clzll(m) - 11;
    *e = 1 - s;
    return m << s;
  };
  int ex, ey;
  uint64_t m = normal(x, &ex);
  const uint64_t n = normal(y, &ey);
  m %= n;
  // Eleven bits at a time.
  for (int left = ex - ey; left > 0 && m;) {
    const int s = left < 11 ? left : 11;
    m = (m << s) % n, left -= s;
  }
  if (!m) return __builtin_bit_cast(double, sign);
  const int s = __builtin_clzll(m) - 11;
  m <<= s, ey -= s;
  m = ey > 0 ? (m & 0xfffffffffffff) | (uint64_t)ey << 52 : m >> (1 - ey);
  return __builtin_bit_cast(double, m | sign);
}
NABLA_INLINE vf v_fmod(vf a, vf b) {
  vf r;
  for (int i = 0; i < VW; i++) r[i] = fmod_of(a[i], b[i]);
  return r;
}
NABLA_INLINE vf v_remainder(vf a, vf b) {
  const vf m = v_fmod(a, b);
  return select((m != 0.0) & ((m < 0.0) != (b < 0.0)), m + b, m);
}
NABLA_INLINE vf v_floordiv(vf a, vf b) {
  const vf m = v_fmod(a, b);
  vf d = (a - m) / b;
  d = select((m != 0.0) & ((b < 0.0) != (m < 0.0)), d - 1.0, d);
  vf f = floor_hw(d);
  f = select(d - f > 0.5, f + 1.0, f);
  f = select(d == 0.0, copysign_bits(splat(0.0), a / b), f);
  return select(b == 0.0, a / b, f);
}

// Integers: division by 0 gives 0, results wrap around.
#define NABLA_BY_LANE(name, by_minus_1, expr)                      \
  NABLA_INLINE vi vi_##name(vi va, vi vb) {                        \
    vi r;                                                          \
    for (int i = 0; i < VW; i++) {                                 \
      const int64_t a = va[i], b = vb[i];                          \
      r[i] = b == 0 ? 0 : b == -1 ? (int64_t)(by_minus_1) : (expr); \
    }                                                              \
    return r;                                                      \
  }
NABLA_BY_LANE(div, 0 - (uint64_t)a, a / b)
NABLA_BY_LANE(fmod, 0, a % b)
NABLA_BY_LANE(floordiv, 0 - (uint64_t)a, a / b - ((a % b != 0) & ((a < 0) != (b < 0))))
NABLA_BY_LANE(remainder, 0, a % b + (((a % b != 0) & ((a < 0) != (b < 0))) ? b : 0))
#undef NABLA_BY_LANE
NABLA_INLINE vi vi_pow(vi va, vi vb) {
  vi r;
  for (int i = 0; i < VW; i++) {
    uint64_t base = (uint64_t)va[i], p = 1;
    int64_t e = vb[i];
    if (e < 0)
      p = va[i] == 1 ? 1u : va[i] == -1 ? ((e & 1) ? ~(uint64_t)0 : 1u) : 0u;
    else
      for (; e > 0; e >>= 1, base *= base)
        if (e & 1) p *= base;
    r[i] = (int64_t)p;
  }
  return r;
}
#endif

}  // namespace NABLA_ISA
}  // namespace nabla
