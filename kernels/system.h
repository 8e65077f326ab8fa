// What operating systems name differently: threads, a lock to sleep at, a clock, memory at whole cache lines.
#pragma once
#include <stdint.h>
#include <stdlib.h>

#if defined(_WIN32)
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <malloc.h>
#include <windows.h>
#else
#include <pthread.h>
#include <time.h>
// glibc 2.34 gave these a new version; the old one, which every glibc has, is the same function.
#if defined(NABLA_ANY_GLIBC) && defined(__GLIBC__)
#if defined(__x86_64__)
#define NABLA_OLD(name) __asm__(".symver " #name ", " #name "@GLIBC_2.2.5")
#elif defined(__aarch64__)
#define NABLA_OLD(name) __asm__(".symver " #name ", " #name "@GLIBC_2.17")
#else
#define NABLA_OLD(name) static_assert(true)
#endif
NABLA_OLD(pthread_create);
NABLA_OLD(pthread_join);
#undef NABLA_OLD
#endif
#endif

namespace nabla {

constexpr size_t CACHE_LINE = 64;

#if defined(_WIN32)

inline void* aligned_take(size_t bytes) { return _aligned_malloc(bytes, CACHE_LINE); }
inline void aligned_give(void* p) { _aligned_free(p); }

inline int64_t nanoseconds() {
  static const int64_t frequency = [] {
    LARGE_INTEGER f;
    QueryPerformanceFrequency(&f);
    return f.QuadPart;
  }();
  LARGE_INTEGER now;
  QueryPerformanceCounter(&now);
  return now.QuadPart / frequency * 1'000'000'000 + now.QuadPart % frequency * 1'000'000'000 / frequency;
}

typedef HANDLE Thread;
#define NABLA_THREAD_MAIN DWORD WINAPI
inline bool thread_start(Thread* thread, DWORD(WINAPI* run)(void*), void* arg) {
  *thread = CreateThread(nullptr, 0, run, arg, 0, nullptr);
  return *thread != nullptr;
}
inline void thread_join(Thread thread) {
  WaitForSingleObject(thread, INFINITE);
  CloseHandle(thread);
}

// All zeros is a lock that nobody holds.
struct Monitor {
  SRWLOCK lock;
  CONDITION_VARIABLE changed;
};
inline void monitor_init(Monitor*) {}
inline void monitor_end(Monitor*) {}
inline void monitor_enter(Monitor* m) { AcquireSRWLockExclusive(&m->lock); }
inline void monitor_leave(Monitor* m) { ReleaseSRWLockExclusive(&m->lock); }
inline void monitor_wait(Monitor* m) { SleepConditionVariableSRW(&m->changed, &m->lock, INFINITE, 0); }
inline void monitor_wake(Monitor* m) { WakeAllConditionVariable(&m->changed); }

#else

inline void* aligned_take(size_t bytes) {
  void* p = nullptr;
  return posix_memalign(&p, CACHE_LINE, bytes) ? nullptr : p;
}
inline void aligned_give(void* p) { free(p); }

inline int64_t nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * (int64_t)1'000'000'000 + now.tv_nsec;
}

typedef pthread_t Thread;
#define NABLA_THREAD_MAIN void*
inline bool thread_start(Thread* thread, void* (*run)(void*), void* arg) {
  return pthread_create(thread, nullptr, run, arg) == 0;
}
inline void thread_join(Thread thread) { pthread_join(thread, nullptr); }

struct Monitor {
  pthread_mutex_t lock;
  pthread_cond_t changed;
};
inline void monitor_init(Monitor* m) {
  pthread_mutex_init(&m->lock, nullptr);
  pthread_cond_init(&m->changed, nullptr);
}
inline void monitor_end(Monitor* m) {
  pthread_mutex_destroy(&m->lock);
  pthread_cond_destroy(&m->changed);
}
inline void monitor_enter(Monitor* m) { pthread_mutex_lock(&m->lock); }
inline void monitor_leave(Monitor* m) { pthread_mutex_unlock(&m->lock); }
inline void monitor_wait(Monitor* m) { pthread_cond_wait(&m->changed, &m->lock); }
inline void monitor_wake(Monitor* m) { pthread_cond_broadcast(&m->changed); }

#endif

}  // namespace nabla
