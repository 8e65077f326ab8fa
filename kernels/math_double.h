// The less used functions, computed in double on half vectors: simple, and right to the last place of a float.
#pragma once
#include "math.h"

namespace nabla {
namespace NABLA_ISA {

constexpr double MAGIC_D = 6755399441055744.0;  // 1.5 * 2^52
template <class... C>
NABLA_INLINE vd polyd(vd x, double c0, C... c) {
  if constexpr (sizeof...(c) == 0)
    return splatd(c0);
  else
    return fma(x, polyd(x, c...), splatd(c0));
}

NABLA_INLINE vl bits(vd x) { return (vl)x; }
NABLA_INLINE vd absd(vd x) { return (vd)((vl)x & 0x7fffffffffffffffll); }
NABLA_INLINE vd sqrtd(vd x) {
  for (int i = 0; i < VW / 2; i++) x[i] = __builtin_sqrt(x[i]);
  return x;
}
NABLA_INLINE vd signed_like(vd a, vd b) { return (vd)(((vl)a & 0x7fffffffffffffffll) | ((vl)b & (int64_t)0x8000000000000000ll)); }

// e^x; beyond +-700 what a float cannot hold anyway.
NABLA_INLINE vd d_exp(vd x) {
  x = selectd(x > 700.0, splatd(700.0), selectd(x < -700.0, splatd(-700.0), x));
  const vd t = x * 1.4426950408889634 + MAGIC_D, n = t - MAGIC_D;
  const vd r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
  const vd p = polyd(r, 1.0, 1.0, 0.49999999999441724, 0.16666666666566304, 0.041666667039309623, 0.0083333333799216307,
                     0.0013888801916654154, 0.00019841178838728336, 2.4884387265373101e-05, 2.763627159189212e-06);
  return p * (vd)(((vul)t + 1023) << 52);
}
// ln x of a positive double; -inf at 0, NaN below.
NABLA_INLINE vd d_log(vd x) {
  const vl i = (vl)((vul)x - 0x3fe6a09e667f3bcdull);  // sqrt(1/2)
  const vl k = i >> 52;
  const vd m = (vd)((i & 0xfffffffffffffll) + 0x3fe6a09e667f3bcdll);
  const vd e = (vd)(k + bits(splatd(MAGIC_D))) - MAGIC_D, s = (m - 1.0) / (m + 1.0), w = s * s;
  const vd p = polyd(w, 1.0, 0.3333333333327565, 0.20000000031087325, 0.14285707987087959, 0.11111718514817359,
                     0.090609348728277417, 0.08419164352050415);
  vd r = e * 0.6931471805599453 + 2.0 * s * p;
  r = selectd(x == 0.0, splatd(-__builtin_inf()), r);
  r = selectd(x == __builtin_inf(), x, r);
  return selectd(x >= 0.0, r, splatd(__builtin_nan("")));
}
NABLA_INLINE vd d_atan(vd x) {
  const vd a = absd(x);
  const vl big = a > 1.0;
  vd t = selectd(big, 1.0 / a, a);
  const vl upper = t > 0.41421356237309503;
  t = selectd(upper, (t - 1.0) / (t + 1.0), t);
  vd r = t * polyd(t * t, 1.0, -0.33333333278383936, 0.19999993188847459, -0.14285391258382429, 0.11103534903636474,
                   -0.089932172084467771, 0.069770050647807849, -0.037701737130272334);
  r = selectd(upper, r + 0.78539816339744831, r);
  r = selectd(big, 1.5707963267948966 - r, r);
  return signed_like(r, x);
}
struct SinCos {
  vd s, c;
};
// Two-part reduction: exact while x / (pi/2) stays below 2^20.
NABLA_INLINE SinCos d_sincos(vd x) {
  const vd t = x * 0.63661977236758134 + MAGIC_D, n = t - MAGIC_D;
  const vd r = (x - n * 1.57079632673412561417) - n * 6.07710050650619224932e-11, w = r * r;
  const vd s = r * polyd(w, 1.0, -0.16666666666616872, 0.0083333333238982382, -0.00019841263306406438, 2.7555273281547455e-06,
                         -2.4756646250360464e-08);
  const vd c = polyd(w, 1.0, -0.49999999999352329, 0.041666666544044079, -0.0013888880399314169, 2.4798929741371767e-05,
                     -2.7173492805634383e-07);
  const vl q = bits(t);
  const vl swapped = -(q & 1), minus_s = (q & 2) << 62, minus_c = (vl)(((vul)q + 1) & 2) << 62;
  SinCos o;
  o.s = (vd)((vl)selectd(swapped, c, s) ^ minus_s);
  o.c = (vd)((vl)selectd(swapped, s, c) ^ minus_c);
  return o;
}

#define NABLA_VIA_DOUBLE(name, expr)                     \
  NABLA_INLINE vd name##_half(vd x) { return expr; }     \
  NABLA_INLINE vf v_##name(vf x) { return narrow(name##_half(widen_lo(x)), name##_half(widen_hi(x))); }

NABLA_VIA_DOUBLE(sin, d_sincos(x).s)
NABLA_VIA_DOUBLE(cos, d_sincos(x).c)
NABLA_INLINE vd d_tan(vd x) {
  const SinCos t = d_sincos(x);
  return t.s / t.c;
}
NABLA_VIA_DOUBLE(tan, d_tan(x))
NABLA_VIA_DOUBLE(atan, d_atan(x))
NABLA_VIA_DOUBLE(asin, d_atan(x / sqrtd((1.0 - x) * (1.0 + x))))
// From 2 atan(sqrt((1-x)/(1+x))), which keeps its digits near 1.
NABLA_VIA_DOUBLE(acos, 2.0 * d_atan(sqrtd((1.0 - x) / (1.0 + x))))
NABLA_INLINE vd d_sinh(vd x) {
  // Near 0 by the series, elsewhere by exponentials.
  const vd a = absd(x), e = d_exp(a), w = x * x;
  const vd small = x * polyd(w, 1.0, 1.0 / 6, 1.0 / 120, 1.0 / 5040, 1.0 / 362880);
  return selectd(a < 0.5, small, signed_like((e - 1.0 / e) * 0.5, x));
}
NABLA_VIA_DOUBLE(sinh, d_sinh(x))
NABLA_INLINE vd d_cosh(vd x) {
  const vd e = d_exp(absd(x));
  return (e + 1.0 / e) * 0.5;
}
NABLA_VIA_DOUBLE(cosh, d_cosh(x))
NABLA_INLINE vd d_log1p(vd x) {  // x >= -1: the error of 1 + x is put back
  const vd u = 1.0 + x;
  return selectd(u == __builtin_inf(), u, d_log(u) + selectd(u > 0.0, (x - (u - 1.0)) / u, splatd(0.0)));
}
NABLA_INLINE vd d_asinh(vd x) {
  const vd a = absd(x), w = a * a;
  return signed_like(d_log1p(a + w / (1.0 + sqrtd(w + 1.0))), x);
}
NABLA_INLINE vf v_asinh(vf x) {
  const vf r = narrow(d_asinh(widen_lo(x)), d_asinh(widen_hi(x)));
  return select(v_isinf(x), x, r);
}
NABLA_VIA_DOUBLE(acosh, selectd(x >= 1.0, d_log(x + sqrtd((x - 1.0) * (x + 1.0))), splatd(__builtin_nan(""))))
NABLA_VIA_DOUBLE(atanh, 0.5 * (d_log1p(x) - d_log1p(-x)))
#undef NABLA_VIA_DOUBLE

NABLA_INLINE vd d_atan2(vd y, vd x) {
  const vd ax = absd(x), ay = absd(y);
  const vl both = (ax == ay);  // 0/0 and inf/inf count as 0 and 1
  vd r = d_atan(selectd(both, selectd(ay == 0.0, splatd(0.0), splatd(1.0)), ay / ax));
  r = selectd((vl)x < 0, 3.14159265358979323846 - r, r);
  r = signed_like(r, y);
  return selectd((x == x) & (y == y), r, x + y);
}
NABLA_INLINE vf v_atan2(vf y, vf x) {
  return narrow(d_atan2(widen_lo(y), widen_lo(x)), d_atan2(widen_hi(y), widen_hi(x)));
}
NABLA_INLINE vf v_hypot(vf a, vf b) {
  const vd al = widen_lo(a), bl = widen_lo(b), ah = widen_hi(a), bh = widen_hi(b);
  const vf r = narrow(sqrtd(al * al + bl * bl), sqrtd(ah * ah + bh * bh));
  return select(v_isinf(a) | v_isinf(b), splat(INF), r);
}

// C's rules for zeros, infinities, NaN and negative bases.
NABLA_INLINE vf v_pow(vf a, vf b) {
  const vf m = abs_bits(a);
  const vd lo = d_exp(widen_lo(b) * d_log(widen_lo(m))), hi = d_exp(widen_hi(b) * d_log(widen_hi(m)));
  vf r = narrow(lo, hi);
  // |e^700| is finite in double; what was cut there is infinite in float.
  const vf whole = trunc_hw(b), mag = abs_bits(b);
  const vi is_whole = whole == b;
  const vi odd = is_whole & (mag < 16777216.0f) & ((to_int(select(mag < 16777216.0f, b, splat(0.0f))) & 1) != 0);
  const vi negative = bits(a) < 0;
  r = select(negative & odd, -r, r);
  r = select((a < 0.0f) & ~is_whole & ~v_isinf(a) & ~v_isinf(b) & (b == b), splat(__builtin_nanf("")), r);
  r = select((m == 1.0f) & v_isinf(b), splat(1.0f), r);
  r = select((a != a) | (b != b), a + b, r);
  return select((b == 0.0f) | (a == 1.0f), splat(1.0f), r);
}

// Exact: quotients of 28 bits at a time, whose products double holds without rounding.
NABLA_INLINE vd d_fmod(vd a, vd b) {
  vd r = absd(a);
  const vd m = absd(b);
  for (int k = 9; k >= 0; k--) {
    const vd step = m * (double)(1ull << 28 * (k % 2)) * (k / 2 == 0 ? 1.0 : k / 2 == 1 ? 72057594037927936.0 : k / 2 == 2 ? 5192296858534827628530496329220096.0 : k / 2 == 3 ? 3.7414441915671115e50 : 2.6959946667150640e67);
    bool some = false;
    for (int i = 0; i < VW / 2; i++) some |= r[i] >= step[i] && step[i] > 0;
    if (!some) continue;
    for (int i = 0; i < VW / 2; i++) {
      if (!(r[i] >= step[i]) || !(step[i] > 0)) continue;
      const double q = (double)(int64_t)(r[i] / step[i]);
      double t = r[i] - q * step[i];
      if (t < 0) t += step[i];
      if (t >= step[i]) t -= step[i];
      r[i] = t;
    }
  }
  return signed_like(r, a);
}
NABLA_INLINE vf v_fmod(vf a, vf b) {
  const vf r = narrow(d_fmod(widen_lo(a), widen_lo(b)), d_fmod(widen_hi(a), widen_hi(b)));
  const vi bad = v_isinf(a) | (b == 0.0f) | (a != a) | (b != b);
  return select(bad, splat(__builtin_nanf("")), select(v_isinf(b), a, r));
}
NABLA_INLINE vf v_remainder(vf a, vf b) {
  const vf m = v_fmod(a, b);
  return select((m != 0.0f) & ((m < 0.0f) != (b < 0.0f)), m + b, m);
}
NABLA_INLINE vf v_floordiv(vf a, vf b) {
  const vf m = v_fmod(a, b);
  vf d = (a - m) / b;
  d = select((m != 0.0f) & ((b < 0.0f) != (m < 0.0f)), d - 1.0f, d);
  vf f = floor_hw(d);
  f = select(d - f > 0.5f, f + 1.0f, f);
  f = select(d == 0.0f, copysign_bits(splat(0.0f), a / b), f);
  return select(b == 0.0f, a / b, f);
}

// Integers: division by 0 gives 0, results wrap around.
#define NABLA_BY_LANE(name, expr)                          \
  NABLA_INLINE vi vi_##name(vi va, vi vb) {                \
    vi r;                                                  \
    for (int i = 0; i < VW; i++) {                         \
      const int64_t a = va[i], b = vb[i];                  \
      r[i] = (int32_t)(b == 0 ? 0 : (expr));               \
    }                                                      \
    return r;                                              \
  }
NABLA_BY_LANE(div, a / b)
NABLA_BY_LANE(fmod, a % b)
NABLA_BY_LANE(floordiv, a / b - ((a % b != 0) & ((a < 0) != (b < 0))))
NABLA_BY_LANE(remainder, a % b + (((a % b != 0) & ((a < 0) != (b < 0))) ? b : 0))
#undef NABLA_BY_LANE
NABLA_INLINE vi vi_pow(vi va, vi vb) {
  vi r;
  for (int i = 0; i < VW; i++) {
    uint32_t base = (uint32_t)va[i], p = 1;
    int32_t e = vb[i];
    if (e < 0)
      p = va[i] == 1 ? 1u : va[i] == -1 ? ((e & 1) ? (uint32_t)-1 : 1u) : 0u;
    else
      for (; e > 0; e >>= 1, base *= base)
        if (e & 1) p *= base;
    r[i] = (int32_t)p;
  }
  return r;
}

}  // namespace NABLA_ISA
}  // namespace nabla
