// The Node-API binding: chooses an instruction set, keeps programs and the thread pool. Addresses cross as
// doubles, in a table that JavaScript writes before a run, so that a run is one call with one argument.
#include <node_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__GLIBC__)
#include <malloc.h>
#include <time.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

#include "codegen.h"
#include "cpu.h"
#include "system.h"
#if defined(_WIN32)
#include "node_windows.h"
#endif

#define NABLA_DECLARE(isa)                                                                             \
  namespace nabla::isa {                                                                               \
  bool validate(const int32_t* words, int64_t count, int threads, ProgramInfo* info);                  \
  Status run(const int32_t* words, void* const* slots, void* scratch, const ProgramInfo* info, Pool*); \
  NABLA_DECLARE_CODEGEN                                                                                \
  }
NABLA_DECLARE(avx512)
NABLA_DECLARE(avx2)
NABLA_DECLARE(base)
NABLA_DECLARE(neon)

#if !defined(_WIN32)
namespace nabla::mpi {
void add_functions(napi_env env, napi_value exports);
}
#endif

namespace {

using namespace nabla;

struct Core {
  const char* name;
  bool (*validate)(const int32_t*, int64_t, int, ProgramInfo*);
  Status (*run)(const int32_t*, void* const*, void*, const ProgramInfo*, Pool*);
  FusedCode** (*codegen)(const int32_t*, const ProgramInfo*);
  void (*codegen_free)(FusedCode**, const ProgramInfo*);
  bool (*supported)();
};

#define NABLA_CORE(isa, test) \
  {#isa, nabla::isa::validate, nabla::isa::run, nabla::isa::codegen, nabla::isa::codegen_free, [] { return (bool)(test); }}
// The best first.
const Core cores[] = {
#ifdef NABLA_HAVE_AVX512
    NABLA_CORE(avx512, cpu_has_avx512()),
#endif
#ifdef NABLA_HAVE_AVX2
    NABLA_CORE(avx2, cpu_has_avx2()),
#endif
#ifdef NABLA_HAVE_NEON
    NABLA_CORE(neon, true),
#endif
#ifdef NABLA_HAVE_BASE
    NABLA_CORE(base, true),
#endif
};

// One for each environment: worker threads of JavaScript have their own.
struct Addon {
  const Core* core;
  Pool* pool;
  int threads;
  char* scratch;
  int64_t scratch_bytes;
};

struct Program {
  Addon* addon;
  const Core* core;
  int32_t* words;
  int64_t count;
  const double* table;  // the address of each slot; in an ArrayBuffer that the caller of run keeps
  void** slots;
  ProgramInfo info;
  int threads;  // that it was validated for
};

napi_value fail(napi_env env, const char* message) {
  napi_throw_error(env, nullptr, message);
  return nullptr;
}

Addon* addon_of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return (Addon*)data;
}

bool arguments(napi_env env, napi_callback_info info, size_t count, napi_value* out) {
  size_t n = count;
  return napi_get_cb_info(env, info, &n, out, nullptr, nullptr) == napi_ok && n >= count;
}

napi_value text(napi_env env, const char* s) {
  napi_value v;
  napi_create_string_utf8(env, s, NAPI_AUTO_LENGTH, &v);
  return v;
}
napi_value number(napi_env env, double x) {
  napi_value v;
  napi_create_double(env, x, &v);
  return v;
}

// Memory of tensors comes from JavaScript's ArrayBuffers, so from malloc. glibc gives freed memory back to the system
// at once, and to get it anew costs a page fault for each 4 KiB, which under virtualization takes longer than to compute
// what is then written there. So it keeps some, and takes it from the system in huge pages.
#if defined(__GLIBC__)
char* heap_end;
void tune_memory() {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most it allows; what is larger is given back when freed
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
  mallopt(M_TOP_PAD, 4 << 20);
  heap_end = (char*)sbrk(0);
}
// What is free inside of the heap, as after quantizing a model, goes back to the system where programs are made, as this is rare,
// and once in a second at most.
void give_back() {
  static int64_t last = 0;
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  // Worker threads make programs too; musl's package is built without the C++ library's <atomic>.
  if (t.tv_sec > __atomic_exchange_n(&last, (int64_t)t.tv_sec, __ATOMIC_RELAXED)) malloc_trim(0);
}
constexpr uintptr_t HUGE_PAGE = 2 << 20;
// Of a block of its own, and of what malloc got from the system since the last call.
void use_huge_pages(void* block, size_t bytes) {
  if (bytes >= 32 << 20) {
    const uintptr_t from = ((uintptr_t)block + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1), to = ((uintptr_t)block + bytes) & ~(HUGE_PAGE - 1);
    madvise((void*)from, to - from, MADV_HUGEPAGE);
    // What was written already is copied, which pays for what is large and used again and again; since Linux 6.1.
    constexpr int COLLAPSE = 25;
    if (bytes >= 64 << 20) madvise((void*)from, to - from, COLLAPSE);
  }
  char* const end = (char*)sbrk(0);
  if (end == heap_end) return;
  const uintptr_t from = ((uintptr_t)heap_end + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
  if ((uintptr_t)end > from) madvise((void*)from, (uintptr_t)end - from, MADV_HUGEPAGE);
  heap_end = end;
}
#else
void tune_memory() {}
void give_back() {}
void use_huge_pages(void*, size_t) {}
#endif

// isas(): the names of those that this processor has, the best first.
napi_value isas(napi_env env, napi_callback_info) {
  napi_value list;
  napi_create_array(env, &list);
  uint32_t n = 0;
  for (const Core& core : cores)
    if (core.supported()) napi_set_element(env, list, n++, text(env, core.name));
  return list;
}

// start(isa): for the programs loaded from now on.
napi_value start(napi_env env, napi_callback_info info) {
  napi_value arg;
  char name[32];
  size_t length;
  if (!arguments(env, info, 1, &arg) || napi_get_value_string_utf8(env, arg, name, sizeof name, &length) != napi_ok)
    return fail(env, "start(isa) takes a string");
  for (const Core& core : cores) {
    if (strcmp(core.name, name) || !core.supported()) continue;
    addon_of(env)->core = &core;
    return nullptr;
  }
  return fail(env, "no such instruction set");
}

// setThreads(count): how many there are now.
napi_value set_threads(napi_env env, napi_callback_info info) {
  napi_value arg;
  int32_t count;
  if (!arguments(env, info, 1, &arg) || napi_get_value_int32(env, arg, &count) != napi_ok)
    return fail(env, "setThreads(count) takes a number");
  Addon* addon = addon_of(env);
  pool_destroy(addon->pool);
  addon->pool = count > 1 ? pool_create(count) : nullptr;
  addon->threads = pool_threads(addon->pool);
  return number(env, addon->threads);
}

// address(arrayBuffer)
napi_value address(napi_env env, napi_callback_info info) {
  napi_value arg;
  void* data;
  size_t bytes;
  if (!arguments(env, info, 1, &arg) || napi_get_arraybuffer_info(env, arg, &data, &bytes) != napi_ok)
    return fail(env, "address(buffer) takes an ArrayBuffer");
  use_huge_pages(data, bytes);
  return number(env, (double)(uintptr_t)data);
}

void release(Program* p) {
  p->core->codegen_free(p->info.code, &p->info);
  p->info.code = nullptr;
  free(p->words);
  free(p->slots);
  p->words = nullptr, p->slots = nullptr;
}
void finalize(napi_env, void* data, void*) {
  release((Program*)data);
  free(data);
}

// load(words, table): the program, or a string that says why it is rejected.
napi_value load(napi_env env, napi_callback_info info) {
  napi_value args[2];
  napi_typedarray_type words_type, table_type;
  size_t count, slots;
  void *words, *table;
  if (!arguments(env, info, 2, args) ||
      napi_get_typedarray_info(env, args[0], &words_type, &count, &words, nullptr, nullptr) != napi_ok ||
      napi_get_typedarray_info(env, args[1], &table_type, &slots, &table, nullptr, nullptr) != napi_ok ||
      words_type != napi_int32_array || table_type != napi_float64_array)
    return fail(env, "load(words, table) takes an Int32Array and a Float64Array");
  Addon* addon = addon_of(env);
  if (!addon->core) return fail(env, "start must be called before load");
  give_back();
  Program* p = (Program*)calloc(1, sizeof(Program));
  if (!p) return fail(env, "out of memory");
  *p = {addon, addon->core, (int32_t*)malloc(count * 4 + 4), (int64_t)count, (const double*)table, nullptr, {}, addon->threads};
  p->slots = (void**)calloc(slots + 1, sizeof(void*));
  if (!p->words || !p->slots) {
    finalize(env, p, nullptr);
    return fail(env, "out of memory");
  }
  __builtin_memcpy(p->words, words, count * 4);
  const bool valid = addon->core->validate(p->words, p->count, p->threads, &p->info);
  if (!valid || p->info.slots != (int64_t)slots) {
    char message[256];
    snprintf(message, sizeof message, "%s at word %lld",
                       valid ? "the table does not have a place for each slot" : p->info.error, (long long)p->info.at);
    finalize(env, p, nullptr);
    return text(env, message);
  }
  p->info.code = addon->core->codegen(p->words, &p->info);
  napi_value handle;
  if (napi_create_external(env, p, finalize, nullptr, &handle) != napi_ok) {
    finalize(env, p, nullptr);
    return fail(env, "out of memory");
  }
  return handle;
}

Program* program_of(napi_env env, napi_callback_info info) {
  napi_value arg;
  void* data = nullptr;
  if (!arguments(env, info, 1, &arg) || napi_get_value_external(env, arg, &data) != napi_ok) return nullptr;
  return (Program*)data;
}

// free(program)
napi_value free_program(napi_env env, napi_callback_info info) {
  if (Program* p = program_of(env, info)) release(p);
  return nullptr;
}

// Makes ready for the present number of threads; false when memory is out.
bool prepare(Program* p) {
  Addon* addon = p->addon;
  if (p->threads != addon->threads) {
    p->threads = addon->threads;
    FusedCode** const code = p->info.code;
    p->core->validate(p->words, p->count, p->threads, &p->info);
    p->info.code = code;
  }
  const int64_t bytes = p->info.scratch_shared + p->threads * p->info.scratch_per_thread;
  if (bytes <= addon->scratch_bytes) return true;
  void* const scratch = aligned_take((size_t)bytes);
  if (!scratch) return false;
  aligned_give(addon->scratch);
  addon->scratch = (char*)scratch, addon->scratch_bytes = bytes;
  return true;
}

// run(program): nothing, or [check, value, lo, hi] when an index was out of range.
napi_value run(napi_env env, napi_callback_info info) {
  Program* p = program_of(env, info);
  if (!p || !p->words) return fail(env, "run(program) takes a program that was not freed");
  if (!prepare(p)) return fail(env, "out of memory for the scratch space");
  Addon* addon = p->addon;
  for (int64_t i = 0; i < p->info.slots; i++) p->slots[i] = (void*)(uintptr_t)p->table[i];
  const Status status = p->core->run(p->words, p->slots, addon->scratch, &p->info, addon->pool);
  if (status.fault == OK) return nullptr;
  napi_value list;
  napi_create_array(env, &list);
  const int32_t values[] = {status.check, status.value, status.lo, status.hi};
  for (uint32_t i = 0; i < 4; i++) napi_set_element(env, list, i, number(env, values[i]));
  return list;
}

void finish(napi_env, void* data, void*) {
  Addon* addon = (Addon*)data;
  pool_destroy(addon->pool);
  aligned_give(addon->scratch);
  free(addon);
}

}  // namespace

NAPI_MODULE_INIT() {
#if defined(_WIN32)
  if (!find_node()) return exports;
#endif
  // Several threads may load the addon, at one time.
  static bool tuned;
  if (!__atomic_exchange_n(&tuned, true, __ATOMIC_SEQ_CST)) tune_memory();
  void* const room = calloc(1, sizeof(Addon));
  if (!room) return fail(env, "out of memory");
  Addon* const addon = (Addon*)room;
  addon->threads = 1;
  napi_set_instance_data(env, addon, finish, nullptr);
  const struct {
    const char* name;
    napi_callback callback;
  } functions[] = {{"isas", isas}, {"start", start},       {"setThreads", set_threads}, {"address", address},
                   {"load", load}, {"free", free_program}, {"run", run}};
  for (const auto& f : functions) {
    napi_value v;
    napi_create_function(env, f.name, NAPI_AUTO_LENGTH, f.callback, nullptr, &v);
    napi_set_named_property(env, exports, f.name, v);
  }
#if !defined(_WIN32)
  nabla::mpi::add_functions(env, exports);
#endif
  return exports;
}
