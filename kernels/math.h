// Elementary functions on a vector of floats, for every instruction set simd.h knows.
// Each reduces its argument, evaluates a minimax polynomial (fitted with float coefficients for
// the smallest relative error) and rebuilds the result; special values are PyTorch's. Error
// bounds are held by tests/math_test.cpp.
#pragma once
#ifdef NABLA_TRACE
#include "trace.h"
#else
#include "simd.h"
#endif

namespace nabla {
namespace NABLA_ISA {

constexpr float LN2 = 0.693147182f;
constexpr float LN2_HI = 0.69317626953125f;  // 14 bits: its product with an exponent is exact
constexpr float LN2_LO = -2.9088971132e-5f;
constexpr float LOG2E = 1.44269504f;
constexpr float PIO2_HI = 1.57079637f, PIO2_LO = -4.37113883e-8f;
constexpr float PI_HI = 3.14159274f, PI_LO = -8.74227766e-8f;
constexpr float MAGIC = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer, kept in the low bits

// c0 + c1 x + c2 x^2 + ...
template <class... C>
NABLA_INLINE vf poly(vf x, float c0, C... c) {
  if constexpr (sizeof...(c) == 0)
    return splat(c0);
  else
    return fma(x, poly(x, c...), splat(c0));
}

// ---- rounding, signs, comparisons ----

NABLA_INLINE vf v_floor(vf x) { return floor_hw(x); }
NABLA_INLINE vf v_ceil(vf x) { return ceil_hw(x); }
NABLA_INLINE vf v_round(vf x) { return round_even(x); }
NABLA_INLINE vf v_trunc(vf x) { return trunc_hw(x); }
NABLA_INLINE vf v_abs(vf x) { return abs_bits(x); }
NABLA_INLINE vf v_copysign(vf a, vf b) { return copysign_bits(a, b); }
NABLA_INLINE vi v_isnan(vf x) { return x != x; }
NABLA_INLINE vi v_isinf(vf x) { return abs_bits(x) == splat(INF); }
// -1, 0 or 1; 0 for NaN.
NABLA_INLINE vf v_sign(vf x) { return select(x > 0.0f, splat(1.0f), select(x < 0.0f, splat(-1.0f), splat(0.0f))); }
// NaN in either operand gives NaN.
NABLA_INLINE vf v_min(vf a, vf b) { return select(a != a, a, min_hw(a, b)); }
NABLA_INLINE vf v_max(vf a, vf b) { return select(a != a, a, max_hw(a, b)); }

NABLA_INLINE vf v_sqrt(vf x) { return sqrt_hw(x); }
NABLA_INLINE vf v_rsqrt(vf x) { return 1.0f / sqrt_hw(x); }
NABLA_INLINE vf v_reciprocal(vf x) { return 1.0f / x; }

// ---- half types ----

// Rounded to float16: 11 bits, and below 2^-14 steps of 2^-24.
NABLA_INLINE vf v_half(vf x) {
  vf m = abs_bits(x);
  vi a = bits(m), r = wrapping_add(a, ((a >> 13) & 1) + 0xfff) & ~0x1fff;
  vf normal = from_bits(select(r > 0x477fe000, splat(0x7f800000), r));
  return select(x != x, x, copysign_bits(select(m < 6.103515625e-5f, (m + 0.5f) - 0.5f, normal), x));
}
NABLA_INLINE vf v_float(vf x) { return x; }
// Rounded to bfloat16: 8 bits.
NABLA_INLINE vf v_bhalf(vf x) {
  vi a = bits(x);
  return select(x != x, x, from_bits(wrapping_add(a, ((a >> 16) & 1) + 0x7fff) & ~0xffff));
}

// ---- exponentials ----

// p * 2^n for integral n in [-300, 300], rounding once where the result is denormal.
NABLA_INLINE vf scale2(vf p, vf n) {
#ifdef NABLA_HAS_SCALEF
  return scalef_hw(p, n);
#else
  vi k = to_int(n), h = k >> 1;
  const vi bias = splat(127);
  return p * from_bits((h + bias) << 23) * from_bits((k - h + bias) << 23);
#endif
}
// x limited to [lo, hi], NaN kept.
NABLA_INLINE vf limit(vf x, float lo, float hi) { return max_hw(splat(lo), min_hw(splat(hi), x)); }
// 2^n for integral n in [-126, 127] given as n + MAGIC.
NABLA_INLINE vf pow2_of_magic(vf t) { return from_bits(wrapping_add(bits(t), splat(127)) << 23); }

// e^r - 1 over r, |r| <= ln2/2, as 1 + r * this.
NABLA_INLINE vf exp_tail(vf r) {
  return poly(r, 0.499999940395355f, 0.166665196418762f, 0.0416682399809360f, 0.00836882740259171f, 0.00138232414610684f);
}
// r = x - n ln2.
NABLA_INLINE vf minus_n_ln2(vf x, vf n) { return fma(n, splat(-LN2_LO), fma(n, splat(-LN2_HI), x)); }

// e^x * 2^shift, for x within [-200, 90].
NABLA_INLINE vf exp_shifted(vf x, float shift) {
  vf n = round_even(x * splat(LOG2E)), r = minus_n_ln2(x, n);
  vf p = fma(fma(exp_tail(r), r, splat(1.0f)), r, splat(1.0f));
  return scale2(p, shift == 0 ? n : n + splat(shift));
}
NABLA_INLINE vf v_exp(vf x) { return exp_shifted(limit(x, -104.0f, 89.0f), 0.0f); }

NABLA_INLINE vf exp2_poly(vf f) {  // |f| <= 1/2
  return poly(f, 1.0f, 0.693147182464600f, 0.240226447582245f, 0.0555035881698132f, 0.00961883366107941f, 0.00133913022000343f,
              0.000152412845636718f);
}
NABLA_INLINE vf v_exp2(vf x) {
  x = limit(x, -152.0f, 129.0f);
  vf n = round_even(x);
  return scale2(exp2_poly(x - n), n);
}

// (e^x - 1) / 2 for x within [-80, 89], with t = x log2(e) + MAGIC; exact scaling, so accurate near zero (but it loses the sign of -0).
NABLA_INLINE vf half_expm1(vf x, vf t) {
  vf n = t - splat(MAGIC), r = minus_n_ln2(x, n);
  vf p = fma(r * r, exp_tail(r), r), s = from_bits(wrapping_add(bits(t), splat(126)) << 23);
  return fma(s, p, s - splat(0.5f));
}
NABLA_INLINE vf v_expm1(vf x) {
  vf a = limit(x, -20.0f, 89.0f), h = half_expm1(a, fma(a, splat(LOG2E), splat(MAGIC)));
  // Below 2^-24 the result is x itself, which halving would round where it is denormal.
  return select(abs_bits(x) < 5.9e-8f, x, h + h);
}

NABLA_INLINE vf v_sigmoid(vf x) {
  // From e^-|x|, which cannot overflow and keeps full accuracy where the result is small.
  vf e = exp_shifted(-min_hw(splat(104.0f), abs_bits(x)), 0.0f);
  vf one = splat(1.0f);
  return select(x >= splat(0.0f), one, e) / (one + e);
}
NABLA_INLINE vf v_tanh(vf x) {
  vf a = min_hw(splat(9.1f), abs_bits(x));
  vf one = splat(1.0f), h = half_expm1(a + a, fma(a, splat(2 * LOG2E), splat(MAGIC))), d = h + one, q = h / d;
  // What q lacks of the quotient: d should be d + lost, and 1 / d is 1 - q. (From h = 2^24 on, where d - 1 is
  // rounded as well, it may be too much, but never too little.)
  vf lost = h - (d - one), rest = fnma(q, lost, fnma(q, d, h));
  return from_bits(bits(min_hw(one, fma(rest, one - q, q))) | (bits(x) & splat(SIGN)));
}

// ---- logarithms ----

// x = 2^e (1 + f) with 2/3 <= 1 + f < 4/3, for positive finite x.
struct Split {
  vf e, f;
};
NABLA_INLINE Split split(vf x) {
  vi tiny = x < 1.17549435e-38f;
  vi i = wrapping_sub(bits(select(tiny, x * 8388608.0f, x)), splat(0x3f2aaaab));
  vf m = from_bits((i & 0x7fffff) + 0x3f2aaaab);
  return {to_float((i >> 23) - (tiny & 23)), m - 1.0f};
}
// r where x is positive and finite; -inf at 0, inf at inf, NaN elsewhere.
NABLA_INLINE vf log_special(vf x, vf r) {
  r = select(x > 0.0f, r, splat(__builtin_nanf("")));
  r = select(x == 0.0f, splat(-INF), r);
  return select(x == INF, x, r);
}
// log(1 + f + tail) + e ln2, |f| <= 1/3, the tail below half a unit in the last place of f.
NABLA_INLINE vf log1p_plus(vf f, vf tail, vf e) {
  vf w = f * f;
  vf p = poly(f, 0.333332151174555f, -0.249997973442078f, 0.200104460120201f, -0.166805058717728f, 0.140053048729897f,
              -0.121839717030525f, 0.139869153499603f, -0.128930404782295f);
  vf y = fma(w, splat(-0.5f), fma(w * f, p, fma(e, splat(LN2_LO), tail)));
  return fma(e, splat(LN2_HI), f + y);
}
NABLA_INLINE vf v_log(vf x) {
  Split s = split(x);
  return log_special(x, log1p_plus(s.f, splat(0.0f), s.e));
}
NABLA_INLINE vf v_log2(vf x) {
  Split s = split(x);
  vf f = s.f;
  vf p = poly(f, -0.721347510814667f, 0.480896532535553f, -0.360672056674957f, 0.288694649934769f, -0.240610226988792f,
              0.201985627412796f, -0.176226988434916f, 0.202083453536034f, -0.184257984161377f);
  vf y = fma(f * f, p, f * 0.442695051f);  // f log2(e) = f + 0.4427 f
  return log_special(x, (s.e + f) + y);  // e + f is exact for e = -1 and 1, where they cancel
}
NABLA_INLINE vf v_log10(vf x) {
  Split s = split(x);
  vf f = s.f;
  vf p = poly(f, -0.217147246003151f, 0.144764289259911f, -0.108572416007519f, 0.0869053676724434f, -0.0724496170878410f,
              0.0608091110852699f, -0.0528497323393822f, 0.0608095750212669f, -0.0562032532535672f);
  vf y = fma(f * f, p, fma(f, splat(-1.01030500e-8f), s.e * 4.60503907e-6f));
  return log_special(x, fma(s.e, splat(0.301025390625f), fma(f, splat(0.434294492f), y)));
}
NABLA_INLINE vf v_log1p(vf x) {
  // The exponent of 1 + x, then x scaled by it exactly: nothing is lost where x is small.
  vi i = wrapping_sub(bits(1.0f + x), splat(0x3f2aaaab)) & splat((int32_t)0xff800000);
  vi s = wrapping_sub(splat(0x3f800000), i);
  vf a = from_bits(wrapping_sub(bits(x), i)), b = from_bits(select(s > 0, s, splat(0))) - 1.0f, f = a + b;
  vf r = copysign_bits(log1p_plus(f, a - (f - b), to_float(i >> 23)), x);
  return select(x > -1.0f, select(x == INF, x, r), select(x == -1.0f, splat(-INF), splat(__builtin_nanf(""))));
}

// ---- error function ----

NABLA_INLINE vf erf_small(vf x) {  // |x| < 0.95
  vf p = poly(x * x, 0.128379166126251f, -0.376126319169998f, 0.112836711108685f, -0.0268580652773380f, 0.00519771873950958f,
              -0.000810509780421853f, 8.21174471639097e-05f);
  return fma(x, p, x);
}
NABLA_INLINE vf v_erf(vf x) {
  vf a = abs_bits(x);
  // 1 - 2^-q(a)
  vf b = min_hw(splat(3.95f), a);
  vf q = poly(b, 2.53731501288712e-4f, -1.62955403327942f, -0.913708806037903f, -0.156235113739967f, 0.0362529270350933f,
              -0.00602273037657142f, 0.000627886736765504f, -3.05300527543295e-05f);
  vf t = q + MAGIC;
  vf f = q - (t - MAGIC);
  vf p = poly(f, 1.0f, 0.693147003650665f, 0.240222409367561f, 0.0555069930851460f, 0.00967156514525414f, 0.00132747506722808f);
  vf big = fma(p, -pow2_of_magic(t), splat(1.0f));
  return select(a < 0.95f, erf_small(x), copysign_bits(big, x));
}

NABLA_INLINE vf v_erfc(vf x) {
  // e^(-a^2) R(a): a^2 from a 12-bit head, whose square is exact, and a tail.
  vf a = min_hw(splat(10.1f), abs_bits(x));
  vf h = from_bits(bits(a) & splat((int32_t)0xfffff000)), l = a - h;
  vf n = round_even(a * a * -LOG2E);
  vf r = fma(l, -(a + h), minus_n_ln2(-(h * h), n));
  vf e = fma(fma(exp_tail(r), r, splat(1.0f)), r, splat(1.0f));
  vf t = (a - 2.0f) / (a + 2.0f);
  vf p = poly(t, 1.27697837352753f, -0.0927638188004494f, -0.166030526161194f, 0.164051055908203f, -0.0542178079485893f,
              -0.00803098455071449f, 0.00870891101658344f, 0.00125303503591567f, -0.00142014643643051f, -0.000400914446135134f,
              0.000168648519320413f, 7.90980193414725e-05f);
  vf c = scale2(e * p / fma(a, splat(2.0f), splat(1.0f)), n);
  return select(a < 0.4f, 1.0f - erf_small(x), select(x < 0.0f, 2.0f - c, c));
}

// The normal distribution function: 2^-q(|x|) below 0. Beyond the polynomial's range it falls fast instead.
NABLA_INLINE vf v_ndtr(vf x) {
  vf a = abs_bits(x), b = min_hw(splat(5.75f), a);
  vf q = poly(b, -1.0f, -1.15110588f, -0.459202766f, -0.052504465f, 0.00704957265f, -8.95357371e-5f, -2.34667299e-4f, 6.30528448e-5f,
              -8.63444711e-6f, 6.39964981e-7f, -2.02908961e-8f);
  q = max_hw(splat(-127.0f), fma(b - a, splat(16.0f), q));  // and 2^-127 is 0
  vf t = q + MAGIC;
  vf f = q - (t - MAGIC);
  vf p = poly(f, 1.0f, 0.693147003650665f, 0.240222409367561f, 0.0555069930851460f, 0.00967156514525414f, 0.00132747506722808f);
  vf below = p * pow2_of_magic(t);
  return select(x > 0.0f, 1.0f - below, below);
}

NABLA_INLINE vf v_erfinv(vf x) {
  vf a = abs_bits(x), w = -v_log((1.0f - a) * (1.0f + a));
  vf near = poly(w - 2.5f, 1.50140936045f, 0.246640279055f, -0.0041773928752f, -0.00125272639177f, 0.00021834938624f,
                 -4.97241968945e-6f, -3.46398526763e-6f, 4.68131348055e-7f, 2.33359671957e-8f, -8.93192597024e-9f);
  vf far = poly(sqrt_hw(w) - 3.0f, 2.83297679447f, 1.00167506584f, 0.00944574382056f, -0.0076391390344f, 0.00568267852208f,
                -0.0035878157701f, 0.00149722250882f, -7.6047901708e-5f, -0.000319926672933f, 0.000129241754693f);
  vf r = x * select(w < 5.0f, near, far);
  return select(a == 1.0f, x * INF, r);
}

}  // namespace NABLA_ISA
}  // namespace nabla
