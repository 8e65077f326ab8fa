// What validation of instructions is made of: a reader that never leaves the instruction's words, and
// address ranges in 64 bits that cannot overflow. Also the few things that every run_ function needs.
#pragma once
#include "simd.h"
#include "program.h"

namespace nabla {
namespace NABLA_ISA {

NABLA_INLINE int width_of(int32_t dtype) { return DTYPE_BYTES[dtype]; }

// The floating-point dtype of this namespace's lanes; is this dtype served here (program.h)?
constexpr int32_t REAL = NABLA_LANES == 32 ? F32 : F64;
constexpr bool is_here(int32_t dtype) { return is_core(dtype) == (NABLA_LANES == 32); }

// The size of a slot, which the header gives as two words.
NABLA_INLINE int64_t slot_bytes(const int32_t* words, int32_t slot) {
  return (int64_t)((uint64_t)(uint32_t)words[2 * slot + 1] << 32 | (uint32_t)words[2 * slot]);
}

struct Ref {
  int32_t slot, offset;
};
// Bytes [lo, hi) of a slot; lo == hi when nothing is read or written.
struct Range {
  int32_t slot;
  int64_t lo, hi;
};

struct Reader {
  Check& c;
  int32_t at = 2;
  bool ok = true;
  explicit Reader(Check& check) : c(check) {}

  bool fail(const char* error) {
    if (ok) c.error = error, c.at = at > 2 ? at - 1 : 0;
    ok = false;
    return false;
  }
  int32_t word() {
    if (at >= c.words) {
      fail("the instruction is too short");
      return 0;
    }
    return c.w[at++];
  }
  int32_t between(int32_t lo, int32_t hi, const char* error) {
    const int32_t v = word();
    if (v >= lo && v <= hi) return v;
    fail(error);
    return lo;
  }
  int32_t extent() { return between(0, INT32_MAX, "an extent is negative"); }
  int32_t any_dtype() { return between(0, DTYPES - 1, "unknown dtype"); }
  // The dtype of an instruction, by which it came here.
  int32_t dtype() {
    const int32_t d = any_dtype();
    if (!is_here(d)) fail("the dtype is not served here");
    return d;
  }
  void real_dtype() {
    if (word() != REAL) fail("the instruction has no such dtype");
  }
  int32_t number_dtype() {
    const int32_t d = dtype();
    if (d == F16 || d == BF16) fail("half types are not computed with");
    return d;
  }
  int32_t mode(int32_t dtype) {
    const int32_t m = between(SET, MIN, "unknown mode");
    if (dtype == BOOL && (m == ADD || m == MUL)) fail("bools have no such mode");
    if ((dtype == F16 || dtype == BF16) && m != SET) fail("half types have no such mode");
    return m;
  }
  void extents(int rank, int32_t* out) {
    for (int i = 0; i < rank; i++) out[i] = extent();
  }
  void words(int rank, int32_t* out) {
    for (int i = 0; i < rank; i++) out[i] = word();
  }
  // The product of extents, which must stay below 2^31.
  int64_t count(int rank, const int32_t* extent) {
    int64_t n = 1;
    for (int i = 0; i < rank; i++)
      if (extent[i] == 0) return 0;
    for (int i = 0; i < rank; i++)
      if ((n *= extent[i]) > INT32_MAX) {
        fail("too many elements");
        return 0;
      }
    return n;
  }
  int64_t count(int32_t a, int32_t b, int32_t c = 1) {
    const int32_t e[3] = {a, b, c};
    return count(3, e);
  }
  Ref ref(bool optional = false) {
    Ref r;
    r.slot = between(optional ? -1 : 0, c.slots - 1, "no such slot");
    r.offset = between(0, INT32_MAX, "an offset is negative");
    return r;
  }
  // The bytes that a strided operand touches, which must lie in its slot.
  Range span(Ref r, int width, int rank, const int32_t* extent, const int32_t* stride) {
    if (!ok || r.slot < 0) return {-1, 0, 0};
    for (int i = 0; i < rank; i++)
      if (extent[i] == 0) return {r.slot, 0, 0};
    // lo only falls and hi only rises, so stopping at the first that is outside keeps the sums small.
    const int64_t limit = slot_bytes(c.slot_words, r.slot) / width;
    int64_t lo = r.offset, hi = r.offset;
    for (int i = 0; i <= rank; i++) {
      if (lo < 0 || hi >= limit) {
        fail("an address lies outside its slot");
        return {-1, 0, 0};
      }
      if (i == rank) break;
      const int64_t d = ((int64_t)extent[i] - 1) * stride[i];
      (d < 0 ? lo : hi) += d;
    }
    return {r.slot, lo * width, (hi + 1) * width};
  }
  // A contiguous operand.
  Range operand(int width, int64_t count, bool optional = false) {
    const Ref r = ref(optional);
    const int32_t n = (int32_t)count, one = 1;
    return span(r, width, 1, &n, &one);
  }
  // What is written must not overlap what is read.
  void apart(const Range& out, const Range& in) {
    if (out.slot >= 0 && out.slot == in.slot && out.lo < in.hi && in.lo < out.hi)
      fail("the output overlaps an input");
  }
  bool done() {
    if (ok && at != c.words) {
      at++;
      fail("the instruction has words left over");
    }
    return ok;
  }
};

// The operand {slot, offset} at p.
template <class T>
NABLA_INLINE T* operand(const Exec& e, const int32_t* p) {
  return p[0] < 0 ? nullptr : (T*)e.slots[p[0]] + p[1];
}

// Calls f(task, thread) for each task, on the pool when there is more than one.
template <class F>
NABLA_INLINE void parallel(const Exec& e, int tasks, const F& f) {
  if (tasks > 1)
    pool_run(e.pool, tasks, [](void* ctx, int task, int thread) { (*(const F*)ctx)(task, thread); }, (void*)&f);
  else if (tasks == 1)
    f(0, 0);
}
// How many tasks to cut n pieces into, when fewer than `grain` are not worth a task.
NABLA_INLINE int cut(const Exec& e, int64_t n, int64_t grain) {
  const int threads = pool_threads(e.pool);
  if (threads == 1 || n < 2 * grain) return n > 0;
  const int64_t most = n / grain, some = 4 * (int64_t)threads;
  return (int)(most < some ? most : some);
}
// Calls f(begin, end) for parts of 0..n.
template <class F>
NABLA_INLINE void parallel_for(const Exec& e, int64_t n, int64_t grain, const F& f) {
  const int tasks = cut(e, n, grain < 1 ? 1 : grain);
  parallel(e, tasks, [&](int task, int) { f(n * task / tasks, n * (task + 1) / tasks); });
}

// Calls f.operator()<T>() with the type that holds the dtype; not for half types.
template <class F>
NABLA_INLINE void with_type(int32_t dtype, const F& f) {
#if NABLA_LANES == 32
  if (dtype == F32) f.template operator()<float>();
  else if (dtype == I32) f.template operator()<int32_t>();
  else f.template operator()<uint8_t>();
#else
  if (dtype == F64) f.template operator()<double>();
  else if (dtype == I64) f.template operator()<int64_t>();
  else if (dtype == I8) f.template operator()<int8_t>();
  else f.template operator()<uint8_t>();
#endif
}
// The same with a type of the dtype's width, for what only moves.
template <class F>
NABLA_INLINE void with_width(int32_t dtype, const F& f) {
#if NABLA_LANES == 32
  if (dtype == BOOL) f.template operator()<uint8_t>();
  else f.template operator()<int32_t>();
#else
  if (width_of(dtype) == 8) f.template operator()<int64_t>();
  else if (width_of(dtype) == 2) f.template operator()<int16_t>();
  else f.template operator()<uint8_t>();
#endif
}

// Asks the L2 cache for the start of a row of n elements; the processor goes on by itself.
template <class T>
NABLA_INLINE void ask(const T* row, int64_t n) {
  for (int64_t i = 0; i < n && i < 1024 / (int64_t)sizeof(T); i += 64 / (int64_t)sizeof(T)) __builtin_prefetch(row + i, 0, 2);
}

// Which of two NaNs an addition keeps depends on the order in which the compiler names them: all become one.
NABLA_INLINE float one_nan(float x) { return x == x ? x : __builtin_nanf(""); }
NABLA_INLINE float plus(float a, float b) { return one_nan(a + b); }
NABLA_INLINE float times(float a, float b) { return one_nan(a * b); }
#if NABLA_LANES == 32
NABLA_INLINE double plus(double a, double b) { return a + b; }
NABLA_INLINE double times(double a, double b) { return a * b; }
// Bools.
NABLA_INLINE uint8_t plus(uint8_t a, uint8_t b) { return a | b; }
NABLA_INLINE uint8_t times(uint8_t a, uint8_t b) { return a & b; }
#else
NABLA_INLINE double one_nan(double x) { return x == x ? x : __builtin_nan(""); }
NABLA_INLINE double plus(double a, double b) { return one_nan(a + b); }
NABLA_INLINE double times(double a, double b) { return one_nan(a * b); }
NABLA_INLINE uint8_t plus(uint8_t a, uint8_t b) { return (uint8_t)(a + b); }
NABLA_INLINE uint8_t times(uint8_t a, uint8_t b) { return (uint8_t)(a * b); }
NABLA_INLINE int8_t plus(int8_t a, int8_t b) { return (int8_t)(a + b); }
NABLA_INLINE int8_t times(int8_t a, int8_t b) { return (int8_t)(a * b); }
NABLA_INLINE int64_t plus(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }
NABLA_INLINE int64_t times(int64_t a, int64_t b) { return (int64_t)((uint64_t)a * (uint64_t)b); }
#endif
// Integers wrap around, so they are added and multiplied as unsigned.
NABLA_INLINE int32_t plus(int32_t a, int32_t b) { return (int32_t)((uint32_t)a + (uint32_t)b); }
NABLA_INLINE int32_t times(int32_t a, int32_t b) { return (int32_t)((uint32_t)a * (uint32_t)b); }
// Does x replace the extreme so far? NaN does, and is not replaced.
template <bool MAXIMUM, class T>
NABLA_INLINE bool beats(T x, T best) {
  return (MAXIMUM ? x > best : x < best) || (x != x && best == best);
}

}  // namespace NABLA_ISA
}  // namespace nabla
