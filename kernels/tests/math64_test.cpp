// test: isa args-slow=30 flags=-ffp-contract=off
// Compares math64.h with libm in long double: numbers spread over all exponents, over the ranges where things happen, and
// the special values. Prints the largest error of each function in units in the last place and fails beyond the bound
// stated in its row. Half types: every one of them, and numbers between them. The argument divides how many numbers are tried.
#define NABLA_LANES 64
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "../convert.h"
#include "../math64.h"

using namespace nabla::NABLA_ISA;
typedef long double wide;

static int failures = 0, divide = 1;

static double ulps(double got, wide want) {
  const double wrong = 1e9, w = (double)want;
  if (std::isnan(w)) return std::isnan(got) ? 0 : wrong;
  if (std::isinf(w) || std::isinf(got)) return w == got ? 0 : std::fabs(got) > 1.797e308 && std::fabs(w) > 1.797e308 && (got > 0) == (w > 0) ? 1 : wrong;
  if (w == 0 && got == 0 && want == 0) return std::signbit(w) == std::signbit(got) ? 0 : wrong;
  const int e = std::max(std::ilogb(want == 0 ? 1e-300 : w == 0 ? 5e-324 : w), -1022);
  return (double)(std::fabs((wide)got - want) / std::ldexp((wide)1, e - 52));
}
struct Worst {
  const char* name;
  double bound, max = 0, a = 0, b = 0, got = 0, want = 0;
  void see(double x, double y, double g, wide w) {
    const double u = ulps(g, w);
    if (!(u <= max)) max = u, a = x, b = y, got = g, want = (double)w;
  }
  void report() {
    const bool ok = max <= bound;
    printf("%-10s %8.3f ulp (bound %.2f)%s", name, max, bound, ok ? "" : "  FAIL");
    if (!ok) printf(" at (%.17g, %.17g): got %.17g, want %.17g", a, b, got, want), failures++;
    puts("");
  }
};

static std::mt19937_64 engine(5);
static const double specials[] = {0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 1.5, -1.5, 2.5, -2.5, 10.0, 1000.0, 0.25, INFINITY, -INFINITY,
                                  NAN, 5e-324, -5e-324, 1e-310, -1e-310, 2.2250738585072014e-308, 1.7976931348623157e308,
                                  -1.7976931348623157e308, 709.782712893384, 709.7827128933841, -745.1332191019411, -745.1332191019412, -708.5,
                                  1024.0, -1074.0, -1075.0, 4503599627370496.0, 4503599627370495.5, 9007199254740993.0, -4503599627370495.5,
                                  0.9999999999999999, -0.9999999999999999, 1.0000000000000002, 3.141592653589793, 1.5707963267948966,
                                  0.41421356237309503, 1e22, -1e22, 800000.0, 800001.0, -1e300, 27.2, 26.5, 6.0};
static std::vector<double> unary_inputs() {
  std::vector<double> v(std::begin(specials), std::end(specials));
  for (int i = 0; i < 300000 / divide; i++) {
    const uint64_t b = engine();
    double x;
    memcpy(&x, &b, 8);
    v.push_back(x);
  }
  for (double lim : {1e-8, 0.01, 1.01, 4.0, 12.0, 30.0, 110.0, 800.0, 1e6, 1e10})
    for (int i = 0; i < 60000 / divide; i++) v.push_back(lim * (2.0 * (double)(engine() >> 11) * 0x1p-53 - 1.0));
  while (v.size() % 16) v.push_back(1.0);
  return v;
}
template <class F, class R>
static void unary(const char* name, double bound, const std::vector<double>& in, F f, R ref) {
  Worst w{name, bound};
  for (size_t i = 0; i < in.size(); i += VW) {
    const vf y = f(load(&in[i]));
    for (int k = 0; k < VW; k++) w.see(in[i + (size_t)k], 0, y[k], ref((wide)in[i + (size_t)k]));
  }
  w.report();
}
template <class F, class R>
static void binary(const char* name, double bound, F f, R ref, bool large) {
  Worst w{name, bound};
  std::vector<double> a, b;
  for (double x : specials)
    for (double y : specials) a.push_back(x), b.push_back(y);
  for (int i = 0; i < 300000 / divide; i++) {
    const auto pick = [&]() {
      const uint64_t bits = engine();
      double x;
      memcpy(&x, &bits, 8);
      const double u = (double)(engine() >> 11) * 0x1p-53;
      switch (engine() % 4) {
        case 0: return large ? x : u;
        case 1: return (u - 0.5) * 40;
        case 2: return std::floor((u - 0.5) * 40);
        default: return std::ldexp(u, (int)(engine() % 60) - 30);
      }
    };
    a.push_back(pick()), b.push_back(pick());
  }
  while (a.size() % 16) a.push_back(1.0), b.push_back(1.0);
  for (size_t i = 0; i < a.size(); i += VW) {
    const vf y = f(load(&a[i]), load(&b[i]));
    for (int k = 0; k < VW; k++) w.see(a[i + (size_t)k], b[i + (size_t)k], y[k], ref((wide)a[i + (size_t)k], (wide)b[i + (size_t)k]));
  }
  w.report();
}
static wide erfinv_ref(wide x) {
  if (std::isnan(x) || std::fabs(x) > 1) return NAN;
  if (std::fabs(x) == 1) return x * INFINITY;
  if (x == 0) return x;
  const wide a = std::fabs(x);
  wide y = a < 0.9L ? a : std::sqrt(-std::log((1 - a) * 2));
  for (int i = 0; i < 60; i++) {
    const wide err = a < 0.5L ? std::erf(y) - a : (1 - a) - std::erfc(y), slope = 2 / std::sqrt(acosl(-1)) * std::exp(-y * y);
    y -= err / (slope + y * err);
  }
  return std::copysign(y, x);
}
#define UNARY(name, bound, ref) unary(#name, bound, in, [](vf x) { return v_##name(x); }, [](wide x) -> wide { return ref; })
#define BINARY(name, bound, ref, large) binary(#name, bound, [](vf x, vf y) { return v_##name(x, y); }, [](wide x, wide y) -> wide { return ref; }, large)

// The nearest of the type's numbers, ties to the one whose last bit is 0, by search.
template <class H>
static void halves(const char* name, int infinity) {
  int bad = 0;
  const auto value = [](int bits) { return (double)widen(H{(uint16_t)bits}); };
  const auto see = [&](double x, int want) {
    for (int minus = 0; minus < 2; minus++) {
      const double y = minus ? -x : x;
      const int w = want | minus << 15, got = narrow(y, H{}).bits;
      const vf r = sizeof(H) && infinity == 0x7c00 ? v_half(splat(y)) : v_bhalf(splat(y));
      const double v = value(want);
      if (got != w || r[0] != (minus ? -v : v)) {
        if (bad++ < 5) printf("FAIL %s of %a: %04x and %a, not %04x\n", name, y, got, (double)r[0], w);
      }
      // What is a float has the same result from there.
      if ((double)(float)y == y && narrow((float)y, H{}).bits != w && bad++ < 5) printf("FAIL %s of float %a\n", name, y);
    }
  };
  for (int b = 0; b < infinity; b++) {
    const double x = value(b), next = b + 1 < infinity ? value(b + 1) : 2 * x - value(b - 1), middle = (x + next) / 2;
    see(x, b), see(middle, b + (b & 1));
    see(std::nextafter(middle, 0.0), b), see(std::nextafter(middle, INFINITY), b + 1);
    see((double)std::nextafterf((float)middle, 0.0f), b), see((double)std::nextafterf((float)middle, INFINITY), b + 1);
  }
  see(INFINITY, infinity), see(1e300, infinity), see(3.4e38 * 2, infinity);
  see(1e-300, 0);
  if (narrow(NAN, H{}).bits <= infinity || narrow((float)NAN, H{}).bits <= infinity) bad++, printf("FAIL %s of NaN\n", name);
  if (widen(H{(uint16_t)infinity}) != INFINITY || !std::isnan(widen(H{(uint16_t)(infinity + 1)}))) bad++, printf("FAIL %s: infinity\n", name);
  failures += bad;
}

int main(int argc, char** argv) {
  if (argc > 1) divide = atoi(argv[1]);
  const std::vector<double> in = unary_inputs();
  UNARY(exp, 1.5, std::exp(x));
  UNARY(exp2, 1.5, std::exp2(x));
  UNARY(expm1, 2.5, std::expm1(x));
  UNARY(log, 1.5, std::log(x));
  UNARY(log2, 1.5, std::log2(x));
  UNARY(log10, 1.5, std::log10(x));
  UNARY(log1p, 2.5, std::log1p(x));
  UNARY(sin, 1.5, std::sin(x));
  UNARY(cos, 1.5, std::cos(x));
  UNARY(tan, 3.5, std::tan(x));
  UNARY(asin, 2.5, std::asin(x));
  UNARY(acos, 3, std::acos(x));
  UNARY(atan, 2.5, std::atan(x));
  UNARY(sinh, 3.5, std::sinh(x));
  UNARY(cosh, 2.5, std::cosh(x));
  UNARY(tanh, 4, std::tanh(x));
  UNARY(asinh, 4, std::asinh(x));
  UNARY(acosh, 4, std::acosh(x));
  UNARY(atanh, 4, std::atanh(x));
  UNARY(sigmoid, 3, 1 / (1 + std::exp(-x)));
  UNARY(erf, 2, std::erf(x));
  UNARY(erfc, 6, std::erfc(x));
  UNARY(erfinv, 6, erfinv_ref(x));
  UNARY(ndtr, 8, std::erfc(-x / std::sqrt((wide)2)) / 2);
  UNARY(rsqrt, 1.5, 1 / std::sqrt(x));
  UNARY(round, 0, std::nearbyint(x));
  UNARY(floor, 0, std::floor(x));
  UNARY(ceil, 0, std::ceil(x));
  UNARY(trunc, 0, std::trunc(x));
  BINARY(pow, 3, std::pow(x, y), true);
  BINARY(atan2, 3, std::atan2(x, y), true);
  BINARY(hypot, 2, std::hypot(x, y), true);
  BINARY(fmod, 0, std::fmod(x, y), true);
  halves<Half>("float16", 0x7c00);
  halves<BHalf>("bfloat16", 0x7f80);
  return failures != 0;
}
