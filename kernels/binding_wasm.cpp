// What a WebAssembly instance exports. The host owns the memory: it puts words, slot tables, handles and scratch
// at addresses of its choice from __heap_base on.
#include "parts.h"

#ifdef NABLA_HAVE_WASM_RELAXED
#define NABLA_CORE wasm_relaxed
#else
#define NABLA_CORE wasm
#endif

namespace nabla::NABLA_CORE {
bool validate(const int32_t* words, int64_t count, int threads, ProgramInfo* info);
Status run(const int32_t* words, void* const* slots, void* scratch, const ProgramInfo* info, Pool* pool);
}  // namespace nabla::NABLA_CORE

namespace {
nabla::Pool* pool;
struct Handle {
  nabla::Status status;  // first: the host reads its five words
  const int32_t* words;
  nabla::ProgramInfo info;
};
}  // namespace

#define NABLA_EXPORT(name) extern "C" __attribute__((export_name(#name)))

// Memory before this address is the core's and its parts'.
NABLA_EXPORT(nabla_reserved) int nabla_reserved() {
#ifdef NABLA_PART
  return (int)(nabla::PARTS_BEGIN + (nabla::PARTS - 1) * nabla::PART_BYTES);
#else
  return 0;
#endif
}
NABLA_EXPORT(nabla_handle_bytes) int nabla_handle_bytes() { return sizeof(Handle); }

// Workers enter by nabla_worker (threads.cpp) when and as the host starts them.
NABLA_EXPORT(nabla_set_threads) int nabla_set_threads(int count) {
  nabla::pool_destroy(pool);
  pool = count > 1 ? nabla::pool_create(count) : nullptr;
  return nabla::pool_threads(pool);
}

// 0, or the address of a zero-terminated text that says why the program is rejected.
NABLA_EXPORT(nabla_load) const char* nabla_load(Handle* h, const int32_t* words, int count) {
  h->words = words;
  if (nabla::NABLA_CORE::validate(words, count, nabla::pool_threads(pool), &h->info)) return nullptr;
  return h->info.error;
}
NABLA_EXPORT(nabla_error_at) int nabla_error_at(const Handle* h) { return (int)h->info.at; }
NABLA_EXPORT(nabla_slots) int nabla_slots(const Handle* h) { return (int)h->info.slots; }
// Scratch for a run with the present number of threads.
NABLA_EXPORT(nabla_scratch_bytes) double nabla_scratch_bytes(const Handle* h) {
  return (double)(h->info.scratch_shared + nabla::pool_threads(pool) * h->info.scratch_per_thread);
}
// The fault; its particulars are in the handle's first words.
NABLA_EXPORT(nabla_run) int nabla_run(Handle* h, void* const* slots, void* scratch) {
  h->status = nabla::NABLA_CORE::run(h->words, slots, scratch, &h->info, pool);
  return h->status.fault;
}
