// What the processor has, and the system keeps across a change of threads.
#pragma once
#if defined(__x86_64__) && defined(_WIN32)
#include <cpuid.h>
#endif

namespace nabla {

#if defined(__x86_64__) && defined(_WIN32)
// Asked by hand: the compiler's own way needs a library that Visual Studio's linker has not.
inline bool cpu_has(bool avx512) {
  unsigned a, b, c, d, low, high;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return false;
  const bool fma = c >> 12 & 1, saves = c >> 27 & 1;
  if (!fma || !saves) return false;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  const unsigned vectors = avx512 ? 0xe6 : 0x6;
  if ((low & vectors) != vectors || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  // avx2; f, dq, bw and vl of AVX-512.
  const unsigned wanted = 1u << 5 | (avx512 ? 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31 : 0);
  return (b & wanted) == wanted;
}
inline bool cpu_has_avx2() { return cpu_has(false); }
inline bool cpu_has_avx512() { return cpu_has(true); }
#elif defined(__x86_64__)
inline bool cpu_has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
inline bool cpu_has_avx512() {
  return cpu_has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif

}  // namespace nabla
