// test: core sources=mpi_shared.cpp threads args=8 args-slow=2
// Processes that share memory as ranks do: every type and operation against its definition, whoever adds; places that are
// wrong; room that is taken and given back.
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../mpi_shared.h"
#include "../mpi_sums.h"

using namespace nabla::mpi;
using namespace nabla::mpi::shared;

constexpr int RANKS = 3;
struct Common {
  Place places[RANKS];
  int arrived, phase, failures;
};
static Common* common;
static int rank_;

static void expect(bool ok, const char* what, int a = 0, int b = 0, long c = 0) {
  if (!ok && __atomic_fetch_add(&common->failures, 1, __ATOMIC_RELAXED) < 10)
    printf("FAIL %s (rank %d: %d, %d, %ld)\n", what, rank_, a, b, c), fflush(stdout);
}
static void meet() {
  const int now = __atomic_load_n(&common->phase, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&common->arrived, 1, __ATOMIC_ACQ_REL) == RANKS) {
    common->arrived = 0;
    __atomic_store_n(&common->phase, now + 1, __ATOMIC_RELEASE);
  } else
    while (__atomic_load_n(&common->phase, __ATOMIC_ACQUIRE) == now) sched_yield();
}

// Small whole numbers, which every type holds, and halves where there are fractions: their sums depend on nothing.
static double value(int type, int rank, long i) {
  const int x = (int)((rank * 17 + i * 7 + (i >> 3)) % 5);
  if (type == BOOL) return x > 2;
  const int sign = type == UINT8 || x % 2 == 0 ? 1 : -1;
  return type <= BFLOAT16 ? sign * x * 0.5 : sign * x;
}
static void store(int type, void* to, long i, double v) {
  switch (type) {
    case FLOAT32: ((float*)to)[i] = (float)v; break;
    case FLOAT64: ((double*)to)[i] = v; break;
    case FLOAT16: ((uint16_t*)to)[i] = to_f16((float)v); break;
    case BFLOAT16: ((uint16_t*)to)[i] = to_bf16((float)v); break;
    case INT8: ((int8_t*)to)[i] = (int8_t)v; break;
    case INT32: ((int32_t*)to)[i] = (int32_t)v; break;
    case INT64: ((int64_t*)to)[i] = (int64_t)v; break;
    default: ((uint8_t*)to)[i] = (uint8_t)(int)v; break;
  }
}
static double load(int type, const void* from, long i) {
  switch (type) {
    case FLOAT32: return ((const float*)from)[i];
    case FLOAT64: return ((const double*)from)[i];
    case FLOAT16: return from_f16(((const uint16_t*)from)[i]);
    case BFLOAT16: return from_bf16(((const uint16_t*)from)[i]);
    case INT8: return ((const int8_t*)from)[i];
    case INT32: return ((const int32_t*)from)[i];
    case INT64: return (double)((const int64_t*)from)[i];
    default: return ((const uint8_t*)from)[i];
  }
}
static double expected(int type, int op, long i) {
  double x = value(type, 0, i);
  for (int r = 1; r < RANKS; r++) {
    const double y = value(type, r, i);
    if (type == BOOL) x = op == SUM || op == MAX ? fmax(x, y) : fmin(x, y);
    else x = op == SUM || op == MEAN ? x + y : op == PRODUCT ? x * y : op == MAX ? fmax(x, y) : fmin(x, y);
  }
  return op == MEAN ? x / RANKS : x;
}

static void one(const Member* members, int64_t number, int type, int op, long count, bool in_place) {
  Room* const in = take(count * BYTES[type]);
  Room* const out = in_place ? in : take(count * BYTES[type]);
  expect(in && out, "room", type, op, count);
  for (long i = 0; i < count; i++) store(type, in->at, i, value(type, rank_, i));
  Slot& mine = slot_of(members[rank_], number);
  for (int m = 0; m < RANKS; m++)
    while (__atomic_load_n(&slot_of(members[m], number).done, __ATOMIC_ACQUIRE) < number - SLOTS) sched_yield();
  mine.in = place_of(in->at, count * BYTES[type]), mine.out = place_of(out->at, count * BYTES[type]);
  mine.taken = mine.ready = 0;
  __atomic_store_n(&mine.number, number, __ATOMIC_RELEASE);
  for (int m = 0; m < RANKS; m++) ring(members[m].memory);
  const Sum sum = {members, RANKS, number, count, (Type)type, (Op)op};
  const auto there = [&] {
    for (int m = 0; m < RANKS; m++)
      if (__atomic_load_n(&slot_of(members[m], number).number, __ATOMIC_ACQUIRE) != number) return false;
    return true;
  };
  const auto until = [&](auto ready) {
    while (!ready()) {
      sleepers(1);
      const int32_t heard = bell();
      if (!ready()) sleep(heard, 5'000'000);
      sleepers(-1);
    }
  };
  until(there);
  // One of them leaves its part to the others now and then.
  if ((number + rank_) % 4 != 0)
    for (int i = 0; i < RANKS; i++) add_part(sum, (rank_ + i) % RANKS);
  until([&] { return complete(sum); });
  for (long i = 0; i < count; i++) {
    double want = expected(type, op, i);
    if (op == MEAN) {
      char cell[8];
      // Divided by a product with the reciprocal, and rounded once.
      const double whole = expected(type, SUM, i);
      store(type, cell, 0, type == FLOAT64 ? whole * (1.0 / RANKS) : (float)whole * (1.0f / RANKS));
      want = load(type, cell, 0);
    }
    if (load(type, out->at, i) != want) {
      expect(false, "an element", type, op, i);
      break;
    }
  }
  __atomic_store_n(&mine.done, number, __ATOMIC_RELEASE);
  give(in);
  if (!in_place) give(out);
}

static int run(int rank, int rounds) {
  rank_ = rank;
  if (const char* why = create(&common->places[rank])) {
    printf("FAIL no segment: %s\n", why);
    __atomic_fetch_add(&common->failures, 1, __ATOMIC_RELAXED);
    _exit(1);
  }
  meet();
  Member members[RANKS];
  for (int m = 0; m < RANKS; m++) {
    members[m].memory = attach(common->places[m]);
    if (!members[m].memory) {
      expect(false, "a segment cannot be reached", m);
      kill(0, SIGTERM);
    }
    members[m].board = board_of(members[m].memory, 1);
  }
  Place wrong = common->places[(rank + 1) % RANKS];
  wrong.token++;
  expect(!attach(wrong), "a token that is another one's");
  wrong.file = 1 << 20;
  expect(!attach(wrong), "a file that is not open");
  wrong = common->places[(rank + 1) % RANKS];
  wrong.file = 0;
  expect(!attach(wrong), "a file of another kind");
  char elsewhere[64];
  expect(place_of(elsewhere, sizeof elsewhere) == -1, "memory outside of the segment");
  expect(take((int64_t)1 << 50) == nullptr, "more than there is");
  meet();
  int64_t number = 0;
  const long sizes[] = {1, 2, 33, 1000, 20'001};
  for (int k = 0; k < rounds; k++)
    for (int type = 0; type < TYPES; type++)
      for (int op = 0; op < OPS; op++)
        if (op != MEAN || type <= BFLOAT16) one(members, ++number, type, op, sizes[(k + type + op) % 5], (k + op) % 2 == 0);
  // What was given back is taken again.
  Room* const a = take(500'000);
  give(a);
  Room* const b = take(500'000);
  expect(a == b, "room that was given back");
  memset(b->at, rank, 500'000);
  meet();
  return 0;
}

#if !defined(__linux__)
int main() { return printf("skipped: no memory is shared here\n"), 0; }
#else
int main(int argc, char** argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 10;
  common = (Common*)mmap(nullptr, sizeof(Common), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  // One that fails takes the others along, and nothing hangs.
  setpgid(0, 0);
  alarm(300);
  pid_t children[RANKS];
  for (int r = 0; r < RANKS; r++) {
    children[r] = fork();
    if (children[r] == 0) {
      alarm(240);
      _exit(run(r, rounds));
    }
  }
  for (pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status)) common->failures++;
  }
  if (common->failures) return printf("%d failures\n", common->failures), 1;
  printf("ok\n");
  return 0;
}
#endif
