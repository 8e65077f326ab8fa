// test: isa args-slow=9973
// Compares math.h with libm in double: every STRIDE-th float there is, the points where the
// functions change their method, and the special values. Prints the largest error of each
// function in units in the last place and fails beyond the bound stated in its row.
//   g++ -std=c++20 -O2 <flags of one instruction set> -I.. math_test.cpp -o math_test && ./math_test [STRIDE] [time]
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "../math.h"

using namespace nabla::NABLA_ISA;

static int failures = 0;
static uint32_t stride = 997;

static float as_float(uint32_t b) {
  float f;
  memcpy(&f, &b, 4);
  return f;
}
static uint32_t as_bits(float f) {
  uint32_t b;
  memcpy(&b, &f, 4);
  return b;
}

// Distance from the true value in units in the last place of the float nearest to it. Huge when the
// kind of value (NaN, infinity, sign of zero) is not the expected one.
static double ulps(float got, double want) {
  const double wrong = 1e9;
  float w = (float)want;
  if (std::isnan(w)) return std::isnan(got) ? 0 : wrong;
  if (std::isinf(w) || std::isinf(got)) return w == got ? 0 : std::fabs(want) > 3.4028e38 && std::fabs(got) > 3.4028e38 && std::signbit(got) == std::signbit(w) ? 1 : wrong;
  if (w == 0 && got == 0 && want == 0) return std::signbit(w) == std::signbit(got) ? 0 : wrong;
  int e = std::max(std::ilogb(want == 0 ? 1e-300 : want), -126);
  return std::fabs((double)got - want) / std::ldexp(1.0, e - 23);
}

struct Worst {
  const char* name;
  double bound, max = 0;
  float a = 0, b = 0, got = 0;
  double want = 0;
  void see(float x, float y, float g, double w) {
    double u = ulps(g, w);
    if (u > max || u != u) max = u, a = x, b = y, got = g, want = w;
  }
  void report() {
    bool ok = max <= bound;
    printf("%-10s %8.3f ulp (bound %.2f)%s", name, max, bound, ok ? "" : "  FAIL");
    if (!ok) printf(" at (%.9g [%08x], %.9g): got %.9g, want %.9g", a, as_bits(a), b, got, want), failures++;
    puts("");
  }
};

static const float specials[] = {0.0f, -0.0f, 1.0f, -1.0f, 0.5f, -0.5f, 2.0f, -2.0f, 3.0f, -3.0f, 1.5f, -1.5f, 2.5f, -2.5f, 10.0f, 0.25f,
                                 INFINITY, -INFINITY, NAN, 1e-45f, -1e-45f, 1e-40f, -1e-40f, 1.17549435e-38f, 3.4028235e38f, -3.4028235e38f,
                                 88.72283f, 88.72284f, -87.33655f, -103.97f, -103.98f, 128.0f, 127.99999f, -149.0f, -150.0f, -126.5f,
                                 16777216.0f, 16777215.0f, -16777215.0f, 8388607.5f, -8388607.5f, 8388608.0f, 4194303.5f, 2147483648.0f,
                                 0.99999994f, -0.99999994f, 1.0000001f, 1e5f, -1e5f, 1.0000001e5f, 3.1415927f, 1.5707964f, 0.95f, 1e20f, -1e20f, 1e-20f};

static std::vector<float> unary_inputs() {
  std::vector<float> v(std::begin(specials), std::end(specials));
  for (uint64_t b = 0; b <= 0xffffffffu; b += stride) v.push_back(as_float((uint32_t)b));
  // Densely over the ranges where things happen.
  for (double lim : {0.01, 1.01, 4.0, 12.0, 110.0, 1000.0})
    for (int i = 0; i < (int)(400000000.0 / (stride * 4.0)); i++)
      v.push_back((float)(lim * (2.0 * i / (400000000.0 / (stride * 4.0)) - 1.0)));
  while (v.size() % 16) v.push_back(1.0f);
  return v;
}

template <class F, class R>
static void unary(const char* name, double bound, const std::vector<float>& in, F f, R ref) {
  Worst w{name, bound};
  for (size_t i = 0; i < in.size(); i += VW) {
    vf y = f(load(&in[i]));
    for (int k = 0; k < VW; k++) w.see(in[i + k], 0, y[k], ref(in[i + k], y[k]));
  }
  w.report();
}

// The inverse error function from libm's erf and erfc: Newton's method from the float result.
static double erfinv_ref(double x, double start) {
  if (std::isnan(x) || std::fabs(x) > 1) return NAN;
  if (std::fabs(x) == 1) return x * INFINITY;
  if (x == 0) return x;
  if (!std::isfinite(start)) return 0;  // wrong in any case
  double a = std::fabs(x), y = std::fabs(start);
  for (int i = 0; i < 3; i++) {
    double err = a < 0.5 ? std::erf(y) - a : (1 - a) - std::erfc(y);
    y -= err / (2 / std::sqrt(M_PI) * std::exp(-y * y));
  }
  return std::copysign(y, x);
}

#define UNARY(name, bound, ref) unary(#name, bound, in, [](vf x) { return v_##name(x); }, [](double x, float y) -> double { (void)y; return ref; })

template <class F>
static void time_one(const char* name, F f, float lo, float hi) {
  static float in[1024], out[1024];
  for (int i = 0; i < 1024; i++) in[i] = lo + (hi - lo) * (float)((i * 373) % 1024) / 1024.0f;
  double best = 1e30;
  for (int r = 0; r < 200; r++) {
    auto t0 = std::chrono::steady_clock::now();
    for (int k = 0; k < 10; k++) {
      for (int i = 0; i < 1024; i += VW) store(out + i, f(load(in + i)));
      __asm__ volatile("" ::: "memory");
    }
    double ns = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - t0).count() / (10.0 * 1024 / VW);
    if (ns < best) best = ns;
  }
  printf("%-10s %6.2f ns/vector\n", name, best);
}
#define TIME(name, lo, hi) time_one(#name, [](vf x) __attribute__((always_inline)) { return v_##name(x); }, lo, hi)

static void timings() {
  time_one("copy", [](vf x) { return x; }, 0, 1);
  TIME(exp, -10, 10);
  TIME(exp2, -10, 10);
  TIME(expm1, -2, 2);
  TIME(sigmoid, -8, 8);
  TIME(tanh, -5, 5);
  TIME(erf, -4, 4);
  TIME(erfc, -4, 4);
  TIME(erfinv, -1, 1);
  TIME(log, 0.01f, 10);
  TIME(log2, 0.01f, 10);
  TIME(log10, 0.01f, 10);
  TIME(log1p, -0.9f, 10);
  TIME(sqrt, 0, 10);
  TIME(rsqrt, 0.1f, 10);
}

int main(int argc, char** argv) {
  bool timed = false;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "time"))
      timed = true;
    else
      stride = (uint32_t)atoi(argv[i]);
  }
  if (timed) return timings(), 0;
  printf("%d lanes, fused multiply-add %d\n", VW, (int)HAS_FMA);
  const double fused = HAS_FMA ? 0 : 1;  // one unit more where every step rounds twice
  std::vector<float> in = unary_inputs();
  UNARY(floor, 0, std::floor(x));
  UNARY(ceil, 0, std::ceil(x));
  UNARY(round, 0, std::nearbyint(x));
  UNARY(trunc, 0, std::trunc(x));
  UNARY(abs, 0, std::fabs(x));
  UNARY(sign, 0, std::isnan(x) ? 0.0 : (x > 0) - (x < 0));
  UNARY(sqrt, 0.5, std::sqrt(x));
  UNARY(rsqrt, 1.5, 1 / std::sqrt(x));
  UNARY(reciprocal, 0.5, 1 / x);
  UNARY(exp, 1.2 + fused, std::exp(x));
  UNARY(exp2, 1.2 + fused, std::exp2(x));
  UNARY(expm1, 1.5 + fused, std::expm1(x));
  UNARY(sigmoid, 2.5 + fused, x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)));
  UNARY(tanh, 2 + fused, std::tanh(x));
  UNARY(log, 1.2 + fused, std::log(x));
  UNARY(log2, 1.5 + fused, std::log2(x));
  UNARY(log10, 2 + fused, std::log10(x));
  UNARY(log1p, 1.5 + fused, std::log1p(x));
  UNARY(erf, 1.5 + fused, std::erf(x));
  UNARY(erfc, 4 + fused, std::erfc(x));
  static const auto ndtr = [](double x) { return std::erfc(-x * M_SQRT1_2) / 2; };
  // In its tail it is small; elsewhere right to 9e-8, which is 0.75 units, and half a one for the 1 that is added.
  UNARY(ndtr, 50, x >= -5.75 || x != x ? ndtr(x) : y >= 0 && y <= 6e-9f ? y : -1);
  unary("ndtr + 1", 1.25 + fused, in, [](vf x) { return v_ndtr(x) + 1.0f; }, [](double x, float) { return ndtr(x) + 1; });
  UNARY(erfinv, 3 + fused, erfinv_ref(x, y));
  printf(failures ? "%d functions beyond their bound\n" : "all within bounds\n", failures);
  return failures != 0;
}
