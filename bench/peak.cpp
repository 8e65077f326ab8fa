// The multiply-add peak: GFLOP/s of loops of nothing but fused multiply-adds in registers, on as many threads as the
// argument says at once. Prints the best of some rounds.
#include <stdio.h>
#include <stdlib.h>

#include <chrono>
#include <thread>
#include <vector>

#include "simd.h"

using namespace nabla::NABLA_ISA;

static void chains(int rounds, float* out) {
  // 12 independent chains fill two units of latency 5.
  vf s[12], x = splat(1e-3f), y = splat(0.5f);
  for (int i = 0; i < 12; i++) s[i] = splat((float)i);
  asm volatile("" : "+m"(x), "+m"(y));
  for (int n = 0; n < rounds; n++)
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++) s[i] = fma(s[i], y, x);
  for (int i = 1; i < 12; i++) s[0] += s[i];
  *out = hsum(s[0]);
}

int main(int, char** argv) {
  const int threads = atoi(argv[1]), rounds = 1000000;
  std::vector<float> out(threads);
  double best = 0;
  for (int r = 0; r < 12; r++) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> pool;
    for (int t = 1; t < threads; t++) pool.emplace_back(chains, rounds, &out[t]);
    chains(rounds, &out[0]);
    for (auto& t : pool) t.join();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double rate = 2e-9 * 12 * VW * rounds * threads / seconds;
    if (rate > best) best = rate;
  }
  printf("%.1f\n", best);
}
