// test: core sources=threads.cpp threads args=20000 args-slow=2000
// Every task runs once, on a thread of its own number; jobs of all lengths follow each other with and without
// pauses, so that workers sleep, spin and come late. With a second argument: prints what
// handing a job over costs.
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "../program.h"

using namespace nabla;

static int failures = 0;
static void expect(bool ok, const char* what, int threads, int job) {
  if (!ok && failures++ < 10) printf("FAIL %s (%d threads, job %d)\n", what, threads, job);
}

struct Job {
  std::vector<int> runs;     // of each task: plain memory, so that the thread sanitizer sees unordered writes
  std::vector<int> busy;     // of each thread
  bool shared_thread = false;
};

static void task(void* ctx, int t, int thread) {
  Job& job = *(Job*)ctx;
  if (job.busy[thread]++) job.shared_thread = true;
  job.runs[t]++;
  volatile int work = t % 7 * 20;
  while (work > 0) work = work - 1;
  job.busy[thread]--;
}

static void exercise(int threads, int jobs) {
  Pool* pool = pool_create(threads);
  const int made = pool_threads(pool);
  expect(made >= 1 && made <= threads, "pool_threads", threads, 0);
  for (int i = 0; i < jobs; i++) {
    Job job;
    job.runs.assign(i % 13, 0);
    job.busy.assign(made, 0);
    pool_run(pool, (int)job.runs.size(), task, &job);
    for (int n : job.runs) expect(n == 1, "a task did not run once", threads, i);
    expect(!job.shared_thread, "two tasks on one thread number", threads, i);
    if (i % 500 == 0) usleep(200);
  }
  pool_destroy(pool);
}

// From the call until the second thread is at work: the first one waits for it.
static void hand_over() {
  typedef std::chrono::steady_clock clock;
  static clock::time_point start;
  static std::atomic<int> arrived;
  static double second;
  Pool* pool = pool_create(2);
  for (int pause : {0, 5, 200}) {
    std::vector<double> us;
    for (int i = 0; i < 500; i++) {
      if (pause > 50) usleep((unsigned)pause);
      for (start = clock::now(); clock::now() - start < std::chrono::microseconds(pause % 50);) {
      }
      arrived = 0;
      start = clock::now();
      pool_run(pool, 2, [](void*, int, int) {
        if (++arrived == 2) second = std::chrono::duration<double, std::micro>(clock::now() - start).count();
        while (arrived < 2) sched_yield();
      }, nullptr);
      us.push_back(second);
    }
    std::sort(us.begin(), us.end());
    printf("%d us after the last job the second thread starts after %.2f us (median), %.2f us (90 %%)\n", pause, us[250], us[450]);
  }
  pool_destroy(pool);
}

int main(int argc, char** argv) {
  const int jobs = argc > 1 ? atoi(argv[1]) : 2000;
  expect(pool_threads(nullptr) == 1, "no pool is one thread", 1, 0);
  Job alone;
  alone.runs.assign(5, 0), alone.busy.assign(1, 0);
  pool_run(nullptr, 5, task, &alone);
  for (int n : alone.runs) expect(n == 1, "a task did not run once", 1, 0);
  for (int threads : {1, 2, 3, 8}) exercise(threads, threads > 2 ? jobs / 4 : jobs);
  for (int i = 0; i < 50; i++) exercise(4, i % 3);  // workers that are still on their way when the pool goes
  if (argc > 2) hand_over();
  if (failures) printf("%d failures\n", failures);
  return failures != 0;
}
