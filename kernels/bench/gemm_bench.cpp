// Speed of the matrix product on one thread, and as a share of what a loop of nothing but fused
// multiply-adds in registers reaches. Build it with the flags of one instruction set:
//   g++ -std=c++20 -O3 -Ikernels -DNABLA_ISA=avx512 <flags> kernels/bench/gemm_bench.cpp kernels/gem?.cpp
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <initializer_list>

#include "gemm.h"

using namespace nabla::NABLA_ISA;

static double now() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);  // what else runs on the machine counts less
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

// GFLOP/s of 12 independent chains, enough to fill two units of latency 5.
static double peak() {
  double best = 0;
  for (int r = 0; r < 20; r++) {
    vf s[12], x = splat(1e-3f), y = splat(0.5f);
    for (int i = 0; i < 12; i++) s[i] = splat((float)i);
    asm volatile("" : "+m"(x), "+m"(y));
    const int rounds = 200000;
    const double start = now();
    for (int n = 0; n < rounds; n++)
#pragma GCC unroll 12
      for (int i = 0; i < 12; i++) s[i] = fma(s[i], y, x);
    const double seconds = now() - start;
    vf sum = s[0];
    for (int i = 1; i < 12; i++) sum += s[i];
    asm volatile("" ::"m"(sum));
    const double rate = 2.0 * 12 * VW * rounds / seconds * 1e-9;
    if (rate > best) best = rate;
  }
  return best;
}

static float* filled(int64_t n) {
  float* p = (float*)aligned_alloc(64, (n * 4 + 63) & ~63ll);
  for (int64_t i = 0; i < n; i++) p[i] = (float)(i * 7919 % 1000) / 1000 - 0.5f;
  return p;
}

static const double top = peak();

// form: "nn", "nt" (B transposed) or "tn" (A transposed).
static void run(const char* form, int64_t m, int64_t n, int64_t k, int64_t batch) {
  float *a = filled(batch * m * k), *b = filled(batch * k * n), *c = filled(batch * m * n);
  void* scratch = aligned_alloc(64, (gemm_scratch_bytes(m, n, k) + 63) & ~63ll);
  const bool at = form[0] == 't', bt = form[1] == 't';
  const double flops = 2.0 * batch * m * n * k;
  const int inner = flops > 2e7 ? 1 : (int)(2e7 / flops) + 1;
  double best = 1e9, spent = 0;
  while (spent < 0.3) {
    const double start = now();
    for (int i = 0; i < inner; i++)
      for (int64_t x = 0; x < batch; x++) {
        const GemmArgs g = {a + x * m * k, b + x * k * n, c + x * m * n, m, n, k, at ? 1 : k, at ? m : 1,
                            bt ? 1 : n,    bt ? k : 1,    n,             false, nullptr};
        GemvArgs v;
        if (as_gemv(g, &v))
          gemv(v, 0, v.n, scratch);
        else
          gemm(g, scratch);
      }
    const double t = now() - start;
    spent += t;
    if (t / inner < best) best = t / inner;
  }
  printf("%s %lldx%lldx%lldx%lld us %.2f gflops %.1f peak %.0f%%\n", form, (long long)batch, (long long)m,
         (long long)n, (long long)k, best * 1e6, flops / best * 1e-9, flops / best * 1e-7 / top);
  fflush(stdout);
  free(a), free(b), free(c), free(scratch);
}

int main(int argc, char** argv) {
  if (argc == 6) {
    run(argv[1], atoll(argv[3]), atoll(argv[4]), atoll(argv[5]), atoll(argv[2]));
    return 0;
  }
  printf("peak %.1f GFLOP/s\n", top);
  for (const char* form : {"nn", "nt", "tn"}) {
    for (int64_t n : {512, 1024, 2048}) run(form, n, n, n, 1);
    run(form, 64, 16, 784, 1);
    run(form, 784, 16, 64, 1);
    run(form, 64, 10, 16, 1);
    run(form, 128, 256, 256, 1);
    run(form, 64, 64, 64, 64);
    run(form, 1, 512, 512, 1);
    run(form, 512, 1, 512, 1);
  }
  return 0;
}
