// What tests of the whole core share: the instruction sets of the build that this processor has, programs put
// together word by word, and slots of exactly their size, so that the address sanitizer sees every overrun.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "../codegen.h"

#define NABLA_DECLARE(isa)                                               \
  namespace nabla::isa {                                                 \
  bool validate(const int32_t*, int64_t, int, ProgramInfo*);             \
  Status run(const int32_t*, void* const*, void*, const ProgramInfo*, Pool*); \
  NABLA_DECLARE_CODEGEN                                                  \
  }
NABLA_DECLARE(avx512)
NABLA_DECLARE(avx2)
NABLA_DECLARE(base)
NABLA_DECLARE(neon)

struct Core {
  const char* name;
  decltype(&nabla::base::validate) validate;
  decltype(&nabla::base::run) run;
  // Of the machine code, or null for the interpreter.
  decltype(&nabla::base::codegen) codegen = nullptr;
  decltype(&nabla::base::codegen_free) codegen_free = nullptr;
};
inline std::vector<Core> cores() {
  std::vector<Core> list;
#define NABLA_CORE(isa) list.push_back({#isa, nabla::isa::validate, nabla::isa::run})
#define NABLA_CODE(isa) \
  list.push_back({#isa " by machine code", nabla::isa::validate, nabla::isa::run, nabla::isa::codegen, nabla::isa::codegen_free})
#ifdef NABLA_HAVE_AVX512
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    NABLA_CORE(avx512);
    NABLA_CODE(avx512);
  }
#endif
#ifdef NABLA_HAVE_AVX2
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    NABLA_CORE(avx2);
    NABLA_CODE(avx2);
  }
#endif
#ifdef NABLA_HAVE_BASE
  NABLA_CORE(base);
#endif
#ifdef NABLA_HAVE_NEON
  NABLA_CORE(neon);
#endif
#undef NABLA_CORE
  return list;
}

typedef std::vector<int32_t> Words;
inline int32_t bits_of(float x) { return __builtin_bit_cast(int32_t, x); }

// Heap memory of exactly `bytes`.
struct Memory {
  char* p;
  size_t bytes;
  explicit Memory(size_t n) : p((char*)malloc(n ? n : 1)), bytes(n) {}
  Memory(const Memory& m) : Memory(m.bytes) { memcpy(p, m.p, bytes); }
  Memory(Memory&& m) : p(m.p), bytes(m.bytes) { m.p = nullptr; }
  Memory& operator=(Memory m) {
    std::swap(p, m.p), std::swap(bytes, m.bytes);
    return *this;
  }
  ~Memory() { free(p); }
  float* f() const { return (float*)p; }
  int32_t* i() const { return (int32_t*)p; }
  uint8_t* b() const { return (uint8_t*)p; }
};

struct Program {
  std::vector<Memory> slots;
  Words code;
  int instructions = 0;

  int32_t slot(size_t bytes) {
    slots.emplace_back(bytes);
    memset(slots.back().p, 0, bytes);
    return (int32_t)slots.size() - 1;
  }
  template <class T>
  int32_t slot_of(const std::vector<T>& v) {
    const int32_t s = slot(v.size() * sizeof(T));
    if (!v.empty()) memcpy(slots[s].p, v.data(), v.size() * sizeof(T));
    return s;
  }
  void add(int32_t opcode, const Words& operands) {
    code.push_back(opcode);
    code.push_back((int32_t)operands.size() + 2);
    code.insert(code.end(), operands.begin(), operands.end());
    instructions++;
  }
  Words words() const {
    Words w = {nabla::MAGIC, nabla::VERSION, 0, (int32_t)slots.size(), instructions};
    for (const Memory& m : slots) w.push_back((int32_t)m.bytes), w.push_back((int32_t)((uint64_t)m.bytes >> 32));
    w.insert(w.end(), code.begin(), code.end());
    w[2] = (int32_t)w.size();
    return w;
  }
};
inline Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// May a valid program run for ever? Has it a loop whose end is not counted?
inline bool endless(const int32_t* program) {
  const int32_t* w = program + nabla::HEADER_WORDS + 2 * program[3];
  for (int32_t i = 0; i < program[4]; i++, w += w[1])
    if (w[0] == nabla::OP_LOOP && (w[3] < 0 || endless(nabla::loop_body(w)))) return true;
  return false;
}

// The words in memory of exactly their size, validated, then run on the slots.
struct Outcome {
  nabla::ProgramInfo info;
  nabla::Status status;
  int streams;  // of the first instruction's machine code
};
inline Outcome execute(const Core& core, const Words& words, std::vector<Memory>& slots, nabla::Pool* pool, bool only_validate = false) {
  Outcome out = {};
  Memory copy(words.size() * 4);
  if (!words.empty()) memcpy(copy.p, words.data(), copy.bytes);
  const int threads = nabla::pool_threads(pool);
  if (!core.validate(copy.i(), (int64_t)words.size(), threads, &out.info) || only_validate) return out;
  const size_t bytes = (size_t)(out.info.scratch_shared + threads * out.info.scratch_per_thread);
  if (core.codegen) out.info.code = core.codegen(copy.i(), &out.info);
  if (out.info.code && out.info.code[0]) out.streams = out.info.code[0]->streams;
  char* scratch = nullptr;
  if (bytes && posix_memalign((void**)&scratch, 64, bytes)) abort();
  std::vector<void*> at;
  for (Memory& m : slots) at.push_back(m.p);
  out.status = core.run(copy.i(), at.data(), scratch, &out.info, pool);
  if (core.codegen) core.codegen_free(out.info.code, &out.info);
  free(scratch);
  return out;
}

struct Random {
  std::mt19937 engine;
  explicit Random(uint32_t seed) : engine(seed) {}
  int32_t below(int32_t n) { return (int32_t)(engine() % (uint32_t)n); }
  int32_t in(int32_t lo, int32_t hi) { return lo + below(hi - lo + 1); }
  bool one_in(int32_t n) { return below(n) == 0; }
  float number() { return (float)(int32_t)engine() / 2147483648.0f; }
  // Few different numbers, so that there are ties; sometimes NaN, infinities and both zeros.
  float special() {
    static const float list[] = {__builtin_nanf(""), -__builtin_nanf(""), __builtin_inff(), -__builtin_inff(), 0.0f, -0.0f};
    return one_in(12) ? list[below(6)] : (float)in(-9, 9) / 4;
  }
};
