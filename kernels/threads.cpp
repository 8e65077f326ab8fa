// The thread pool. The tasks of a job are divided into a share for each thread, a word {generation, tasks left}: a
// thread claims a task by a compare-and-swap of the word, so that who comes late finds nothing left and touches
// nothing. It takes its own share first, so that what one job writes lies in the caches of the thread that reads it in
// the next one; then what others have left. The caller works too, and the job is done when `pending` is zero; threads
// that sleep through a short job are not waited for.
#include "program.h"

#if defined(__wasm__)
#ifdef NABLA_WASM_THREADS
#define NABLA_POOL 1
#endif
#else
#define NABLA_POOL 1
#include "system.h"
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

namespace nabla {

#ifdef NABLA_POOL

namespace {

template <class T>
T load(const T* p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
template <class T>
T relaxed(const T* p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }

}  // namespace

struct Share {
  alignas(64) uint64_t left;  // generation << 32 | tasks left
};

struct Pool {
  // Written between jobs only, so that a claim that succeeds proves that they were of its job.
  alignas(64) TaskFn fn;
  void* ctx;
  int tasks;
  int threads;
  alignas(64) uint32_t job;  // generation
  alignas(64) uint32_t pending;
  uint32_t waiting;  // the caller sleeps until pending is zero
  alignas(64) uint32_t bell;
  uint32_t sleepers, stop;
  Share shares[MAX_THREADS];
#if defined(__wasm__)
  uint32_t entered[MAX_THREADS];
#else
  Thread handles[MAX_THREADS];
#if !defined(__linux__)
  Monitor monitor;
#endif
#endif
};

namespace {

// sleep_on returns when *word is not `value`, or wake was called, or now and then for no reason.
#if defined(__wasm__)
void sleep_on(Pool*, uint32_t* word, uint32_t value) { __builtin_wasm_memory_atomic_wait32((int*)word, (int)value, -1); }
void wake(Pool*, uint32_t* word, int count) { __builtin_wasm_memory_atomic_notify((int*)word, (unsigned)count); }
#elif defined(__linux__)
void sleep_on(Pool*, uint32_t* word, uint32_t value) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}
void wake(Pool*, uint32_t* word, int count) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0); }
#else
void sleep_on(Pool* p, uint32_t* word, uint32_t value) {
  monitor_enter(&p->monitor);
  if (load(word) == value) monitor_wait(&p->monitor);
  monitor_leave(&p->monitor);
}
void wake(Pool* p, uint32_t*, int) {
  monitor_enter(&p->monitor);
  monitor_wake(&p->monitor);
  monitor_leave(&p->monitor);
}
#endif

#if !defined(__wasm__)
inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}
#endif
// Waits some microseconds for ready(), without sleeping: to wake a sleeper takes about 20.
template <class F>
bool spin(const F& ready) {
#if defined(__wasm__)
  for (int i = 0; i < 4000; i++)
    if (ready()) return true;
  return false;
#else
  constexpr int64_t NANOSECONDS = 50'000;
  int64_t start = 0;
  for (int i = 0;; i++) {
    if (ready()) return true;
    relax();
    if (i == 0) start = nanoseconds();
    if (i % 16) continue;
    if (nanoseconds() - start > NANOSECONDS) return false;
  }
#endif
}

// The tasks before the share of a thread.
int before(int tasks, int threads, int thread) { return (int)((int64_t)tasks * thread / threads); }

// Claims and runs tasks until none is left, and tells of which job.
uint32_t work(Pool* p, int thread) {
  const uint32_t job = load(&p->job);
  const int shares = relaxed(&p->threads);
  uint32_t mine = 0;
  for (int i = 0; i < shares; i++) {
    const int from = thread + i < shares ? thread + i : thread + i - shares;
    uint64_t* const share = &p->shares[from].left;
    for (uint64_t left = load(share); (uint32_t)left;) {
      const TaskFn fn = relaxed(&p->fn);
      void* const ctx = relaxed(&p->ctx);
      const int threads = relaxed(&p->threads);
      const int task = before(relaxed(&p->tasks), threads, from + 1) - (int)(uint32_t)left;
      if (thread >= threads) break;
      if (!__atomic_compare_exchange_n(share, &left, left - 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) continue;
      fn(ctx, task, thread);
      mine++;
      left = load(share);
    }
  }
  if (mine && __atomic_sub_fetch(&p->pending, mine, __ATOMIC_SEQ_CST) == 0 && load(&p->waiting))
    wake(p, &p->pending, 1);
  return job;
}

void worker(Pool* p, int thread) {
  for (;;) {
    const uint32_t seen = work(p, thread);
    auto called = [&] { return load(&p->job) != seen || load(&p->stop); };
    if (!spin(called)) {
      // Whoever publishes a job after the check below sees this sleeper and rings the bell.
      __atomic_fetch_add(&p->sleepers, 1, __ATOMIC_SEQ_CST);
      const uint32_t bell = load(&p->bell);
      if (!called()) sleep_on(p, &p->bell, bell);
      __atomic_fetch_sub(&p->sleepers, 1, __ATOMIC_SEQ_CST);
    }
    if (load(&p->stop)) return;
  }
}

void ring(Pool* p, int count) {
  __atomic_fetch_add(&p->bell, 1, __ATOMIC_SEQ_CST);
  wake(p, &p->bell, count);
}

}  // namespace

int pool_threads(const Pool* p) { return p ? relaxed(&p->threads) : 1; }

void pool_run(Pool* p, int tasks, TaskFn fn, void* ctx) {
  if (tasks < 2 || pool_threads(p) < 2) {
    for (int i = 0; i < tasks; i++) fn(ctx, i, 0);
    return;
  }
  __atomic_store_n(&p->fn, fn, __ATOMIC_RELAXED);
  __atomic_store_n(&p->ctx, ctx, __ATOMIC_RELAXED);
  __atomic_store_n(&p->tasks, tasks, __ATOMIC_RELAXED);
  __atomic_store_n(&p->pending, (uint32_t)tasks, __ATOMIC_RELAXED);
  const uint32_t job = relaxed(&p->job) + 1;
  const int threads = pool_threads(p);
  for (int i = 0; i < threads; i++) {
    const int share = before(tasks, threads, i + 1) - before(tasks, threads, i);
    __atomic_store_n(&p->shares[i].left, (uint64_t)job << 32 | (uint32_t)share, __ATOMIC_RELEASE);
  }
  __atomic_store_n(&p->job, job, __ATOMIC_SEQ_CST);
  if (load(&p->sleepers)) ring(p, MAX_THREADS);
  work(p, 0);
  auto done = [&] { return load(&p->pending) == 0; };
#if defined(__wasm__)
  while (!done()) {  // the main thread of a page may not sleep
  }
#else
  if (spin(done)) return;
  __atomic_store_n(&p->waiting, 1, __ATOMIC_SEQ_CST);
  for (uint32_t left; (left = load(&p->pending)) != 0;) sleep_on(p, &p->pending, left);
  __atomic_store_n(&p->waiting, 0, __ATOMIC_SEQ_CST);
#endif
}

#if defined(__wasm__)

static Pool the_pool;

Pool* pool_create(int threads) {
  __atomic_store_n(&the_pool.threads, threads < 1 ? 1 : threads > MAX_THREADS ? MAX_THREADS : threads, __ATOMIC_SEQ_CST);
  return &the_pool;
}
// The workers stay asleep: without threads they may claim nothing.
void pool_destroy(Pool* p) {
  if (p) __atomic_store_n(&p->threads, 1, __ATOMIC_SEQ_CST);
}

#else

namespace {
struct Start {
  Pool* pool;
  int thread;
};
NABLA_THREAD_MAIN enter(void* arg) {
  const Start s = *(Start*)arg;
  free(arg);
  worker(s.pool, s.thread);
  return 0;
}
}  // namespace

Pool* pool_create(int threads) {
  if (threads > MAX_THREADS) threads = MAX_THREADS;
  static_assert(alignof(Pool) == CACHE_LINE);
  Pool* const p = (Pool*)aligned_take(sizeof(Pool));
  if (!p) return nullptr;
  __builtin_memset((void*)p, 0, sizeof(Pool));
#if !defined(__linux__)
  monitor_init(&p->monitor);
#endif
  int made = 1;
  for (; made < threads; made++) {
    Start* s = (Start*)malloc(sizeof(Start));
    if (!s) break;
    *s = {p, made};
    if (!thread_start(&p->handles[made], enter, s)) {
      free(s);
      break;
    }
  }
  __atomic_store_n(&p->threads, made, __ATOMIC_SEQ_CST);
  return p;
}

void pool_destroy(Pool* p) {
  if (!p) return;
  __atomic_store_n(&p->stop, 1, __ATOMIC_SEQ_CST);
  ring(p, MAX_THREADS);
  for (int i = 1; i < p->threads; i++) thread_join(p->handles[i]);
#if !defined(__linux__)
  monitor_end(&p->monitor);
#endif
  aligned_give(p);
}

#endif

#else  // one thread

struct Pool {};
static Pool the_pool;
int pool_threads(const Pool*) { return 1; }
void pool_run(Pool*, int tasks, TaskFn fn, void* ctx) {
  for (int i = 0; i < tasks; i++) fn(ctx, i, 0);
}
Pool* pool_create(int) { return &the_pool; }
void pool_destroy(Pool*) {}

#endif

}  // namespace nabla

#if defined(__wasm__) && defined(NABLA_WASM_THREADS)
// A worker's own instance over the shared memory comes in here, and does not return. False: that thread is
// already taken.
extern "C" __attribute__((export_name("nabla_worker"))) int nabla_worker(int thread) {
  using namespace nabla;
  if (thread < 1 || thread >= MAX_THREADS) return 0;
  if (__atomic_exchange_n(&the_pool.entered[thread], 1u, __ATOMIC_SEQ_CST)) return 0;
  worker(&the_pool, thread);
  return 1;
}
#endif
