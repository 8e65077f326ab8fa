// test: core sources=mpi.cpp,mpi_shared.cpp args=150 args-slow=100
// Three ranks over Open MPI, which the test starts itself as, in memory that they share and without: operations of all lengths in a
// row and many at once, some that differ, groups. Skipped without the library (under emulation too).
#include <cstdio>
#include <cstdlib>
#include <cstring>
#if !defined(_WIN32)
#include <unistd.h>

#include "../mpi_shared.h"

using namespace nabla::mpi;

static int failures = 0;
static World world;
static void expect(bool ok, const char* what, int k, const char* more = "") {
  if (!ok && failures++ < 10) fprintf(stderr, "FAIL rank %d, operation %d: %s %s\n", world.rank, k, what, more);
}
static int32_t through(int32_t request, int k) {
  int32_t result = -1;
  char* const error = wait(request, &result);
  expect(!error, "an error", k, error ? error : "");
  free(error);
  return result;
}
static Order order_of(Kind kind, Type type, int64_t count, void* data, const char* form, int a, int b = 0) {
  Order o = {};
  o.kind = kind, o.type = type, o.count = count, o.in = o.out = data;
  snprintf(o.about, sizeof o.about, form, a, b, (long)count);
  return o;
}

static void sums(int k, int many, int64_t count, bool in_room) {
  float* x[80];
  shared::Room* rooms[80];
  int32_t ids[80];
  for (int i = 0; i < many; i++) {
    rooms[i] = in_room ? room(0, count * 4) : nullptr;
    x[i] = rooms[i] ? (float*)rooms[i]->at : (float*)malloc((size_t)count * 4);
    for (int64_t j = 0; j < count; j++) x[i][j] = (float)(world.rank + i + j % 7);
    ids[i] = post(order_of(ALL_REDUCE, FLOAT32, count, x[i], "sum %d %d: %ld", k, i));
    if ((i + world.rank) % 5 == 0) usleep((unsigned)((k * 7 + i) % 50));
    if (i % 3 == 0) done(ids[0]);
  }
  for (int i = 0; i < many; i++) {
    through(ids[i], k);
    const int base = world.size * (world.size - 1) / 2;
    for (int64_t j = 0; j < count; j += 1 + count / 100)
      if (x[i][j] != (float)(base + world.size * (i + j % 7))) {
        expect(false, "a sum", k);
        break;
      }
    if (rooms[i]) shared::give(rooms[i]);
    else free(x[i]);
  }
}

static int rank(int rounds, bool share) {
  Found found;
  if (open("libmpi.so.40", &found) || start(&world, 60, 15, 60, share)) return fprintf(stderr, "FAIL no start\n"), 1;
  expect((unshared()[0] == 0) == share, "is memory shared?", 0, unshared());
  unsigned seed = 7;
  const auto chance = [&](int n) {
    seed = seed * 1103515245u + 12345u;
    return (int)((seed >> 16) % (unsigned)n);
  };
  for (int k = 0; k < rounds; k++) {
    const int64_t counts[] = {1, 100, 5000, 70'001, 300'000};
    const int what = chance(6), many = 1 + chance(80);
    const int64_t count = counts[chance(5)];
    if (what <= 2) {
      sums(k, count > 5000 ? 3 : many, count, what == 1);
      continue;
    }
    if (what == 3) {
      through(post(order_of(BARRIER, INT32, 0, nullptr, "barrier %d", k)), k);
      continue;
    }
    int32_t* const values = (int32_t*)malloc((size_t)count * 4);
    for (int64_t j = 0; j < count; j++) values[j] = world.rank == 0 ? (int32_t)j : -1;
    Order o = order_of(BROADCAST, INT32, count, values, "broadcast %d %d: %ld", k);
    o.alone = what == 5;
    through(post(o), k);
    for (int64_t j = 0; j < count; j++)
      if (values[j] != j) {
        expect(false, "a broadcast", k);
        break;
      }
    free(values);
  }
  int32_t result;
  char* const error = wait(post(order_of(BARRIER, INT32, 0, nullptr, "asks for %d", world.rank)), &result);
  expect(error && strstr(error, "all ranks must ask for the same; rank 0 of the group asks for asks for 0, rank 1 for asks for 1"), "a difference",
         rounds, error ? error : "is not seen");
  free(error);
  // Ranks 0 and 2, and rank 1 alone.
  Order split = order_of(SPLIT, INT32, 0, nullptr, "groups", 0);
  split.peer = world.rank % 2, split.tag = world.rank;
  const int32_t group = through(post(split), rounds);
  for (int i = 0; i < 30; i++) {
    float v = (float)world.rank;
    Order o = order_of(ALL_REDUCE, FLOAT32, 1, &v, "in a group %d", i);
    o.group = group;
    through(post(o), rounds + i);
    expect(v == (world.rank == 1 ? 1.0f : 2.0f), "a sum in a group", i);
  }
  const End end = finish(false);
  expect(end == FINALIZED, "the end", rounds);
  return failures != 0;
}

int main(int argc, char** argv) {
  const char* const rounds = argc > 1 ? argv[1] : "100";
  if (argc > 2) {
    const int status = rank(atoi(rounds), argv[2][0] == '1');
    fflush(nullptr);
    // Threads of the library may still run.
    _exit(status);
  }
  Found found;
  if (const char* why = open("libmpi.so.40", &found)) return printf("skipped: %s\n", why), 0;
  // Leaks are the library's.
  setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
  const char* const ways[] = {"1", "0"};
  for (const char* share : ways) {
    char command[2000];
    snprintf(command, sizeof command, "mpirun.openmpi --allow-run-as-root --oversubscribe --bind-to none -n 3 '%s' %s %s", argv[0], rounds, share);
    const int status = system(command);
    if (status == 127 << 8) return printf("skipped: no mpirun.openmpi\n"), 0;
    if (status) return printf("FAIL share %s: status %d\n", share, status), 1;
  }
  printf("ok\n");
  return 0;
}
#else
int main() { return 0; }
#endif
