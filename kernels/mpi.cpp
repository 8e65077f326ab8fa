// Messages between processes by MPI. The library is opened at run time, so that nothing is linked: Open MPI, whose handles
// are addresses, or MPICH and what has its ABI (Intel MPI), whose handles are numbers. All of MPI is called by one thread,
// which the library is started on: MPI_THREAD_FUNNELED is enough, messages go on while programs compute, and a rank that
// computes still answers for itself.
//
// Before each collective operation the ranks compare what they ask for, by a small one that never blocks: it finds ranks
// that ask for something else, and those that do not come. Comparisons have a communicator of their own, so that one goes on
// while the operation before moves its data. Then MPI's own is called: the blocking one, which is the faster, where all
// members' programs do nothing but wait for it (so that no two wait for each other in a circle, and none spins on a core that
// computes), else the other one. Programs decide that and not the time, since the two forms may add in another order.
//
// Where all ranks of a group reach each other's memory (mpi_shared.h), they compare there, and add up there what is to be added. The
// threads of the program do both, when they come by and while they wait; the thread that calls MPI does it for those that do not come.
#include "mpi.h"

#if !defined(_WIN32)
#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/inotify.h>
#include <sys/syscall.h>
#endif

#include "mpi_shared.h"
#include "mpi_sums.h"
#include "system.h"
#if defined(NABLA_ANY_GLIBC) && defined(__GLIBC__)
#if defined(__x86_64__)
#define NABLA_OLD(name) __asm__(".symver " #name ", " #name "@GLIBC_2.2.5")
#elif defined(__aarch64__)
#define NABLA_OLD(name) __asm__(".symver " #name ", " #name "@GLIBC_2.17")
#else
#define NABLA_OLD(name) static_assert(true)
#endif
NABLA_OLD(dlopen);
NABLA_OLD(dlsym);
NABLA_OLD(dlerror);
#undef NABLA_OLD
#endif

namespace nabla::mpi {
namespace {

// An address or, in its low half, a number: a function that takes an int reads no more than that. All processors that
// there is an addon for store the low half first.
typedef uintptr_t Handle;
typedef void Reducer(void*, void*, int*, Handle*);

#define NABLA_MPI_FUNCTIONS(F)                                                                          \
  F(Init_thread, int*, char***, int, int*)                                                              \
  F(Finalize)                                                                                           \
  F(Get_library_version, char*, int*)                                                                   \
  F(Error_string, int, char*, int*)                                                                     \
  F(Comm_size, Handle, int*)                                                                            \
  F(Comm_rank, Handle, int*)                                                                            \
  F(Comm_dup, Handle, Handle*)                                                                          \
  F(Comm_split, Handle, int, int, Handle*)                                                              \
  F(Comm_set_errhandler, Handle, Handle)                                                                \
  F(Op_create, Reducer*, int, Handle*)                                                                  \
  F(Test, Handle*, int*, void*)                                                                         \
  F(Iprobe, int, int, Handle, int*, void*)                                                              \
  F(Recv, void*, int, Handle, int, int, Handle, void*)                                                  \
  F(Isend, const void*, int, Handle, int, int, Handle, Handle*)                                         \
  F(Irecv, void*, int, Handle, int, int, Handle, Handle*)                                               \
  F(Allreduce, const void*, void*, int, Handle, Handle, Handle)                                         \
  F(Iallreduce, const void*, void*, int, Handle, Handle, Handle, Handle*)                               \
  F(Bcast, void*, int, Handle, int, Handle)                                                             \
  F(Ibcast, void*, int, Handle, int, Handle, Handle*)                                                   \
  F(Allgather, const void*, int, Handle, void*, int, Handle, Handle)                                    \
  F(Iallgather, const void*, int, Handle, void*, int, Handle, Handle, Handle*)                          \
  F(Reduce_scatter_block, const void*, void*, int, Handle, Handle, Handle)                              \
  F(Ireduce_scatter_block, const void*, void*, int, Handle, Handle, Handle, Handle*)                    \
  F(Gather, const void*, int, Handle, void*, int, Handle, int, Handle)                                  \
  F(Igather, const void*, int, Handle, void*, int, Handle, int, Handle, Handle*)                        \
  F(Scatter, const void*, int, Handle, void*, int, Handle, int, Handle)                                 \
  F(Iscatter, const void*, int, Handle, void*, int, Handle, int, Handle, Handle*)                       \
  F(Alltoall, const void*, int, Handle, void*, int, Handle, Handle)                                     \
  F(Ialltoall, const void*, int, Handle, void*, int, Handle, Handle, Handle*)

struct Library {
#define NABLA_MEMBER(name, ...) int (*name)(__VA_ARGS__);
  NABLA_MPI_FUNCTIONS(NABLA_MEMBER)
#undef NABLA_MEMBER
  Handle world, null_request, returning;  // MPI_COMM_WORLD, MPI_REQUEST_NULL, MPI_ERRORS_RETURN
  Handle types[TYPES], ops[OPS], bytes, int64;
  int any_source;
  void* in_place;
} M;
constexpr int ANY_TAG = -1, UNDEFINED = -32766, FUNNELED = 1;
// Where MPI writes an MPI_Status, which is no larger in any of them. Nobody reads it: what it tells differs between them.
int64_t status[32];

// 2^30 elements at most in one call, whose counts are ints.
constexpr int64_t MOST = 1 << 30;
// Bytes. Shorter ones are as fast the other way, which leaves a core that several ranks share; longer ones would keep the
// thread from answering.
constexpr int64_t BLOCKING_LEAST = 128 << 10, BLOCKING_MOST = 256 << 20;

// ---- sums of half types, which MPI does not have ----

template <Op op, float (*widen)(uint16_t), uint16_t (*narrow)(float)>
void reduce_half(void* in, void* inout, int* count, Handle*) {
  const uint16_t* a = (const uint16_t*)in;
  uint16_t* b = (uint16_t*)inout;
  for (int i = 0; i < *count; i++) b[i] = narrow(combine<op>(widen(a[i]), widen(b[i])));
}
// MPI's own are free to drop a NaN.
template <Op op, class T>
void reduce_float(void* in, void* inout, int* count, Handle*) {
  const T* a = (const T*)in;
  T* b = (T*)inout;
  for (int i = 0; i < *count; i++) b[i] = combine<op>(a[i], b[i]);
}
Handle own_ops[TYPES][OPS];  // 0: MPI's

template <float (*widen)(uint16_t), uint16_t (*narrow)(float)>
bool half_ops(Handle* ops) {
  return !M.Op_create(reduce_half<SUM, widen, narrow>, 1, &ops[SUM]) &&
         !M.Op_create(reduce_half<MAX, widen, narrow>, 1, &ops[MAX]) &&
         !M.Op_create(reduce_half<MIN, widen, narrow>, 1, &ops[MIN]) &&
         !M.Op_create(reduce_half<PRODUCT, widen, narrow>, 1, &ops[PRODUCT]);
}

Handle op_of(Type type, Op op) {
  if (op == MEAN) op = SUM;
  // A sum of truths is "or", a product "and".
  if (type == BOOL) return M.ops[op == SUM || op == MAX ? MAX : MIN];
  return own_ops[type][op] ? own_ops[type][op] : M.ops[op];
}

template <class T>
void scale(void* data, int64_t count, T factor) {
  T* x = (T*)data;
  for (int64_t i = 0; i < count; i++) x[i] *= factor;
}
template <float (*widen)(uint16_t), uint16_t (*narrow)(float)>
void scale_half(void* data, int64_t count, float factor) {
  uint16_t* x = (uint16_t*)data;
  for (int64_t i = 0; i < count; i++) x[i] = narrow(widen(x[i]) * factor);
}
void take_mean(Type type, void* data, int64_t count, int ranks) {
  if (type == FLOAT32) scale<float>(data, count, 1.0f / (float)ranks);
  if (type == FLOAT64) scale<double>(data, count, 1.0 / ranks);
  if (type == FLOAT16) scale_half<from_f16, to_f16>(data, count, 1.0f / (float)ranks);
  if (type == BFLOAT16) scale_half<from_bf16, to_bf16>(data, count, 1.0f / (float)ranks);
}

// ---- state ----

struct Group {
  Handle comm, asking;  // for the operations, and for comparing what is asked for
  int rank, size;
  int64_t uid;     // the same on all members
  int64_t posted;  // collective operations asked for
  int64_t begun;   // and compared, or shown to the others
  int32_t* ranks;  // its members by their ranks in the world; of the world itself none
  shared::Member* members;  // where all of them share memory
};

enum Stage { NEW, COMPARING, ADDING, COMPARED, SAYING, MOVING, HEADING, DONE };
// One thread sets it while others look.
struct Progress {
  Stage stage;
  operator Stage() const { return __atomic_load_n(&stage, __ATOMIC_ACQUIRE); }
  void operator=(Stage s) { __atomic_store_n(&stage, s, __ATOMIC_RELEASE); }
};

struct Header {
  int64_t bytes;
  uint64_t hash;
  int32_t sender, pad;
  char about[TEXT / 2];
};

struct Request {
  Order order;
  int32_t id;
  Progress stage;
  int64_t number;      // of the collective operation in its group
  bool blocking;
  int64_t begin;       // nanoseconds
  Handle pending, pending2;
  int64_t mine[4], all[4];
  char* words;         // what every rank asked for
  Header header;
  void* spare;         // for a message that nobody can take
  int64_t at;          // elements moved
  int32_t result;
  char* error;
  Request* next;
  shared::Room* room;  // for elements that lie elsewhere
  int users;           // threads that add, or tell why it does not go on
  int64_t met;         // when all had come
};

constexpr int GROUPS = 256;
Group groups[GROUPS];
int group_count;
int64_t next_uid = 1;
// The memory of the ranks of this host that all of them reach, by ranks of the world.
char** segments;
bool sharing, share_wanted;
char not_shared[TEXT];  // why not
Handle side;  // a communicator for what ranks tell about themselves

Monitor monitor;
pthread_cond_t work = PTHREAD_COND_INITIALIZER;
Request *first, **last = &first;
int32_t next_id = 1;
int waiting;  // threads that do nothing but wait for what MPI does
bool running, stopping, stop_failed, stopped;
// When all ranks had agreed to leave. MPICH 4.0.2 over UCX may then hang in MPI_Finalize on a slow network: one rank closes its
// connections, which needs the other's help, and that one waits for the launcher.
int64_t agreed;
const double finalize_limit = 10;
World world;
double timeout_s = 1800, silence_s = 20;
int64_t step = -1;
char failure[TEXT];  // not empty: this rank cannot go on
int64_t failed_at;
bool failure_is_ours;
int64_t blocked_since, blocked_limit;
char blocked_in[TEXT / 2];
const char* start_error;
char start_text[TEXT];

double seconds_since(int64_t t) { return (double)(nanoseconds() - t) * 1e-9; }

char* copy_text(const char* s) {
  const size_t n = strlen(s) + 1;
  char* c = (char*)malloc(n);
  if (c) memcpy(c, s, n);
  return c;
}

__attribute__((format(printf, 2, 3))) void say(char* to, const char* form, ...) {
  va_list list;
  va_start(list, form);
  vsnprintf(to, TEXT, form, list);
  va_end(list);
}

const char* words_of(char* to, int64_t s) {
  if (s < 0) snprintf(to, 48, "before its first step");
  else snprintf(to, 48, "at step %lld", (long long)s);
  return to;
}
const char* at_step(char* to) { return words_of(to, __atomic_load_n(&step, __ATOMIC_RELAXED)); }

// Of the thread that calls MPI and of the watch; under the lock.
void set_failure(const char* why, bool ours) {
  if (failure[0]) return;
  snprintf(failure, sizeof failure, "%s", why);
  failure_is_ours = ours;
  failed_at = nanoseconds();
  for (Request* r = first; r; r = r->next)
    if (r->stage != DONE) {
      r->error = copy_text(failure);
      r->stage = DONE;
    }
  monitor_wake(&monitor);
  pthread_cond_signal(&work);
  if (sharing) shared::ring(segments[world.rank]);
}
void fail_now(const char* why, bool ours) {
  monitor_enter(&monitor);
  set_failure(why, ours);
  monitor_leave(&monitor);
}

void finish_request(Request* r, const char* error) {
  monitor_enter(&monitor);
  if (r->stage != DONE) {
    r->error = error ? copy_text(error) : nullptr;
    r->stage = DONE;
  }
  monitor_wake(&monitor);
  monitor_leave(&monitor);
}

bool wrong(Request* r, int code) {
  if (!code) return false;
  char text[600] = "";  // MPI_MAX_ERROR_STRING is 512 in MPICH
  int n = 0;
  M.Error_string(code, text, &n);
  char why[TEXT];
  say(why, "MPI says: %.400s", text);
  finish_request(r, why);
  return true;
}

// ---- what ranks tell about themselves ----

enum Word : int32_t { ALIVE, LEAVING, FAILED, WHERE, HERE };
struct Note {
  Word word;
  int32_t rank;
  int64_t step, uid, number;
  char text[TEXT];
};
constexpr int OUT = 64;
struct Outgoing {
  Note note;
  Handle pending;
  bool busy;
} outgoing[OUT];

bool tell(int to, Word word, const char* text = "", int64_t uid = 0, int64_t number = 0) {
  for (Outgoing& o : outgoing) {
    if (o.busy) {
      int finished = 0;
      if (M.Test(&o.pending, &finished, status) || !finished) continue;
      o.busy = false;
    }
    o.note = {word, world.rank, __atomic_load_n(&step, __ATOMIC_RELAXED), uid, number, {}};
    snprintf(o.note.text, TEXT, "%s", text);
    o.busy = !M.Isend(&o.note, sizeof(Note), M.bytes, to, 1, side, &o.pending);
    return o.busy;
  }
  return false;
}

int64_t heard[2];    // from the ranks before and after, when
int64_t heard_step[2];
bool leaving[2];
// Where a rank beside this one that has left says that it had come: in which group, and how far.
struct {
  int64_t uid, posted;
} left_at[2];
constexpr double LEFT = 3;  // seconds for what it may have sent before
int64_t told;
struct Answer {
  bool came;
  int64_t posted, step;
}* answers;  // of each rank of the world, while this one asks where the others are

int beside(int i) { return (world.rank + (i ? 1 : world.size - 1)) % world.size; }

void listen() {
  for (;;) {
    int there = 0;
    if (M.Iprobe(M.any_source, ANY_TAG, side, &there, status) || !there) return;
    Note note;
    if (M.Recv(&note, sizeof note, M.bytes, M.any_source, ANY_TAG, side, status)) return;
    if (note.rank < 0 || note.rank >= world.size) continue;
    for (int i = 0; i < 2; i++)
      if (beside(i) == note.rank) {
        heard[i] = nanoseconds();
        heard_step[i] = note.step;
        if (note.word == LEAVING) leaving[i] = true;
      }
    if (note.word == FAILED) fail_now(note.text, false);
    if (note.word == WHERE) {
      int64_t posted = -1;
      monitor_enter(&monitor);
      for (int g = 0; g < group_count; g++)
        if (groups[g].uid == note.uid) posted = groups[g].posted;
      monitor_leave(&monitor);
      tell(note.rank, HERE, "", note.uid, posted);
    }
    if (note.word == HERE && answers) answers[note.rank] = {true, note.number, note.step};
    for (int i = 0; i < 2 && note.word == HERE; i++)
      if (leaving[i] && beside(i) == note.rank) left_at[i] = {note.uid, note.number};
  }
}

void keep_in_touch() {
  if (world.size < 2) return;
  listen();
  const int64_t now = nanoseconds();
  if (now - told > 1'000'000'000) {
    told = now;
    for (int i = 0; i < (world.size > 2 ? 2 : 1); i++) tell(beside(i), ALIVE);
  }
  for (int i = 0; i < (world.size > 2 ? 2 : 1); i++)
    if (!leaving[i] && silence_s > 0 && (double)(now - heard[i]) * 1e-9 > silence_s && !failure[0]) {
      char why[TEXT], when[48], last[48];
      say(why, "rank %d of %d has not been heard of for %.0f s (last %s); rank %d stops %s", beside(i), world.size, silence_s,
          words_of(last, heard_step[i]), world.rank, at_step(when));
      fail_now(why, true);
    }
}

// A rank whose program has ended does not come any more: nobody waits for it until the time is out. `number`: of the collective
// operation, or 0 for a message from or to `peer`, which is -1 for any.
bool awaits_who_left(const Request* r, const Group& g, int64_t number, int peer) {
  for (int i = 0; i < 2; i++) {
    if (!leaving[i] || seconds_since(r->begin) < LEFT) continue;
    const int other = beside(i);
    if (number == 0 && (peer < 0 || (g.ranks ? g.ranks[peer] : peer) != other)) continue;
    if (number > 0 && left_at[i].uid != g.uid) {
      static int64_t asked;
      if (seconds_since(asked) > 0.5 && tell(other, WHERE, "", g.uid)) asked = nanoseconds();
      continue;
    }
    // Who is no member answers -1.
    if (number > 0 && (left_at[i].posted < 0 || left_at[i].posted >= number)) continue;
    char why[TEXT], when[48], last[48];
    say(why, "the program of rank %d of %d has ended (%s), and rank %d waits for it in %.120s %s", other, world.size,
        words_of(last, heard_step[i]), world.rank, r->order.about, at_step(when));
    fail_now(why, true);
    return true;
  }
  return false;
}

// Who has not come to a collective operation, by asking everybody.
void blame(Request* r, const Group& g) {
  answers = (Answer*)calloc((size_t)world.size, sizeof(Answer));
  if (answers) {
    for (int to = 0; to < world.size; to++)
      if (to != world.rank)
        while (!tell(to, WHERE, "", g.uid) && seconds_since(r->begin) < timeout_s + 2) usleep(1000);
    const int64_t asked = nanoseconds();
    int came = 0;
    while (seconds_since(asked) < 2 && came < world.size - 1) {
      listen();
      came = 0;
      for (int i = 0; i < world.size; i++) came += answers[i].came;
      usleep(2000);
    }
  }
  char why[TEXT], list[TEXT / 2] = "", when[48];
  size_t n = 0;
  for (int i = 0; answers && i < world.size; i++) {
    if (i == world.rank) continue;
    const Answer& a = answers[i];
    // Ranks outside of the group answer -1.
    if (a.came && (a.posted < 0 || a.posted >= r->number)) continue;
    if (n > sizeof list - 64) break;
    if (a.came) words_of(when, a.step);
    n += (size_t)snprintf(list + n, sizeof list - n, "%srank %d (which %s%s)", n ? ", " : "", i, a.came ? "is " : "does not answer",
                          a.came ? when : "");
  }
  say(why, "%s has not come to %.120s, for which rank %d waited %.0f s %s", n ? list : "some rank", r->order.about, world.rank,
      timeout_s, at_step(when));
  free(answers);
  answers = nullptr;
  fail_now(why, true);
}

// ---- requests ----

uint64_t hash_of(const char* s) {
  uint64_t h = 0xcbf29ce484222325u;
  for (; *s; s++) h = (h ^ (uint8_t)*s) * 0x100000001b3u;
  return h >> 2;  // it is compared with its negative
}

int64_t bytes_moved(const Order& o, const Group& g) {
  const int64_t whole = o.kind == ALL_REDUCE || o.kind == BROADCAST ? 1 : g.size;
  return o.kind == BARRIER || o.kind == SPLIT ? 0 : o.count * BYTES[o.type] * whole;
}

// The next part of a collective operation. Blocking, or as a request.
int move(Request* r, const Group& g, bool blocking) {
  const Order& o = r->order;
  const bool splits = o.kind == ALL_REDUCE || o.kind == BROADCAST;
  const int64_t left = o.count - r->at;
  const int n = (int)(splits && left > MOST ? MOST : left);
  const int64_t skip = r->at * BYTES[o.type];
  char *const in = (char*)o.in + skip, *const out = (char*)o.out + skip;
  const Handle type = M.types[o.type], op = op_of(o.type, o.op), comm = g.comm;
  const void* own = o.in == o.out ? M.in_place : in;
  r->at += n;
  Handle* q = &r->pending;
  switch (o.kind) {
    case ALL_REDUCE: return blocking ? M.Allreduce(own, out, n, type, op, comm) : M.Iallreduce(own, out, n, type, op, comm, q);
    case BROADCAST: return blocking ? M.Bcast(out, n, type, o.peer, comm) : M.Ibcast(out, n, type, o.peer, comm, q);
    case ALL_GATHER:
      return blocking ? M.Allgather(in, n, type, out, n, type, comm) : M.Iallgather(in, n, type, out, n, type, comm, q);
    case REDUCE_SCATTER:
      return blocking ? M.Reduce_scatter_block(in, out, n, type, op, comm) : M.Ireduce_scatter_block(in, out, n, type, op, comm, q);
    case GATHER:
      return blocking ? M.Gather(in, n, type, out, n, type, o.peer, comm) : M.Igather(in, n, type, out, n, type, o.peer, comm, q);
    case SCATTER:
      return blocking ? M.Scatter(in, n, type, out, n, type, o.peer, comm) : M.Iscatter(in, n, type, out, n, type, o.peer, comm, q);
    case ALL_TO_ALL:
      return blocking ? M.Alltoall(in, n, type, out, n, type, comm) : M.Ialltoall(in, n, type, out, n, type, comm, q);
    default: return 0;
  }
}

bool tested(Request* r, Handle* pending, bool* failed) {
  int finished = 0;
  *failed = wrong(r, M.Test(pending, &finished, status));
  return finished && !*failed;
}

void begin_comparing(Request* r, Group& g) {
  const int64_t h = (int64_t)hash_of(r->order.about);
  r->mine[0] = h, r->mine[1] = -h, r->mine[2] = !r->order.alone, r->mine[3] = 0;
  if (r->order.kind == SPLIT) r->mine[3] = next_uid++;
  r->number = ++g.begun;
  r->begin = nanoseconds();
  r->stage = COMPARING;
  wrong(r, M.Iallreduce(r->mine, r->all, 4, M.int64, M.ops[MAX], g.asking, &r->pending));
}

void end_collective(Request* r, const Group& g) {
  const Order& o = r->order;
  if (o.op == MEAN && (o.kind == ALL_REDUCE || o.kind == REDUCE_SCATTER)) take_mean(o.type, o.out, o.count, g.size);
  finish_request(r, nullptr);
}

// The memory of a group's members, by their numbers of it; nullptr unless all share theirs. All members decide alike.
shared::Member* members_of(int size, const int32_t* ranks, const int32_t* boards) {
  if (!segments || size < 2) return nullptr;
  for (int i = 0; i < size; i++)
    if (!segments[ranks ? ranks[i] : i]) return nullptr;
  shared::Member* const list = (shared::Member*)calloc((size_t)size, sizeof(shared::Member));
  for (int i = 0; list && i < size; i++) {
    char* const memory = segments[ranks ? ranks[i] : i];
    list[i] = {shared::board_of(memory, boards ? boards[i] : 0), memory};
  }
  return list;
}

void split(Request* r, const Group& g) {
  const Order& o = r->order;
  Handle comm = 0;
  if (next_uid <= r->all[3]) next_uid = r->all[3] + 1;
  if (wrong(r, M.Comm_split(g.comm, o.peer < 0 ? UNDEFINED : o.peer, o.tag, &comm))) return;
  r->result = -1;
  if (o.peer >= 0) {
    if (group_count == GROUPS) return finish_request(r, "there are as many groups as nabla has room for (256)");
    Group made = {comm, 0, 0, 0, r->all[3] * 4096 + o.peer, 0, 0, nullptr, nullptr};
    M.Comm_set_errhandler(comm, M.returning);
    if (wrong(r, M.Comm_dup(comm, &made.asking))) return;
    M.Comm_set_errhandler(made.asking, M.returning);
    if (wrong(r, M.Comm_rank(comm, &made.rank)) || wrong(r, M.Comm_size(comm, &made.size))) return;
    made.ranks = (int32_t*)calloc((size_t)made.size, sizeof(int32_t));
    int32_t* const boards = (int32_t*)calloc((size_t)made.size, sizeof(int32_t));
    if (!made.ranks || !boards) return finish_request(r, "memory is out");
    const int32_t board = group_count;
    if (wrong(r, M.Allgather(&world.rank, sizeof(int32_t), M.bytes, made.ranks, sizeof(int32_t), M.bytes, comm))) return;
    if (wrong(r, M.Allgather(&board, sizeof(int32_t), M.bytes, boards, sizeof(int32_t), M.bytes, comm))) return;
    made.members = members_of(made.size, made.ranks, boards);
    free(boards);
    monitor_enter(&monitor);
    groups[group_count] = made;
    r->result = group_count++;
    monitor_leave(&monitor);
  }
  finish_request(r, nullptr);
}

// Who asked for what, where they do not agree; `words_of_rank` gives what a member asked for.
template <class F>
void disagree(char* why, const Group& g, F words_of_rank) {
  int other = 0;
  const char* const a = words_of_rank(0);
  for (int i = 1; i < g.size && !other; i++)
    if (strcmp(a, words_of_rank(i))) other = i;
  const char* const b = words_of_rank(other);
  // What both begin with says nothing.
  size_t same = 0;
  while (a[same] && a[same] == b[same]) same++;
  size_t from = same > 120 ? same - 60 : 0;
  say(why, "all ranks must ask for the same; rank 0 of the group asks for %s%.150s, rank %d for %s%.150s", from ? "..." : "", a + from,
      other, from ? "..." : "", b + from);
}

// ---- operations in shared memory ----

// Longer elements that do not lie in it go by MPI.
constexpr int64_t COPIED_MOST = 16 << 20;
// After which the thread that calls MPI adds for a program that does not come by.
constexpr int64_t PATIENCE = 2'000'000;

// Is it compared, or added, in shared memory?
bool in_share(const Request* r) {
  return r->stage <= ADDING && r->order.kind != SEND && r->order.kind != RECV && groups[r->order.group].members;
}
void ring_all(const Group& g) {
  for (int i = 0; i < g.size; i++) shared::ring(g.members[i].memory);
}
shared::Slot& own_slot(const Request* r, const Group& g) { return shared::slot_of(g.members[g.rank], r->number); }

// Shows the others what is asked for. Not before all have done with what stood in its place.
bool publish(Request* r, Group& g) {
  if (g.begun != r->number - 1) return false;
  for (int i = 0; i < g.size; i++)
    if (__atomic_load_n(&shared::slot_of(g.members[i], r->number).done, __ATOMIC_ACQUIRE) < r->number - shared::SLOTS) return false;
  const Order& o = r->order;
  shared::Slot& slot = own_slot(r, g);
  g.begun++;
  slot.hash = (int64_t)hash_of(o.about), slot.alone = o.alone, slot.uid = o.kind == SPLIT ? next_uid++ : 0;
  memcpy(slot.about, o.about, sizeof slot.about);
  slot.in = slot.out = -1;
  const int64_t bytes = o.count * BYTES[o.type];
  if (o.kind == ALL_REDUCE && bytes > 0) {
    slot.in = shared::place_of(o.in, bytes), slot.out = shared::place_of(o.out, bytes);
    if ((slot.in < 0 || slot.out < 0) && bytes <= COPIED_MOST && (r->room = shared::take(bytes))) {
      memcpy(r->room->at, o.in, (size_t)bytes);
      slot.in = slot.out = shared::place_of(r->room->at, bytes);
    }
  }
  slot.taken = slot.ready = 0;
  r->begin = nanoseconds();
  r->stage = COMPARING;
  __atomic_store_n(&slot.number, r->number, __ATOMIC_RELEASE);
  ring_all(g);
  return true;
}

bool all_there(const Request* r, const Group& g) {
  for (int i = 0; i < g.size; i++)
    if (__atomic_load_n(&shared::slot_of(g.members[i], r->number).number, __ATOMIC_ACQUIRE) != r->number) return false;
  return true;
}

// It is through, or MPI's turn: the others' slots are not looked at any more. Under the lock, as all that follows.
void leave_share(Request* r, Group& g, Stage stage, const char* error) {
  shared::give(r->room);
  r->room = nullptr;
  r->error = error ? copy_text(error) : nullptr;
  r->stage = stage;
  __atomic_store_n(&own_slot(r, g).done, r->number, __ATOMIC_RELEASE);
  monitor_wake(&monitor);
  if (stage == COMPARED) pthread_cond_signal(&work);
  ring_all(g);
}

// All have come: what they ask for decides how it goes on, the same for all.
void settle(Request* r, Group& g) {
  const auto slot = [&](int i) -> const shared::Slot& { return shared::slot_of(g.members[i], r->number); };
  bool same = true, here = true;
  r->all[2] = r->all[3] = 0;
  for (int i = 0; i < g.size; i++) {
    same = same && slot(i).hash == slot(0).hash;
    here = here && slot(i).in >= 0 && slot(i).out >= 0;
    if (!slot(i).alone) r->all[2] = 1;
    if (slot(i).uid > r->all[3]) r->all[3] = slot(i).uid;
  }
  if (!same) {
    char why[TEXT];
    disagree(why, g, [&](int i) { return slot(i).about; });
    return leave_share(r, g, DONE, why);
  }
  r->all[0] = r->all[1] = 0;  // they agree
  r->met = nanoseconds();
  if (here) r->stage = ADDING;
  else leave_share(r, g, r->order.kind != SPLIT && r->order.count == 0 ? DONE : COMPARED, nullptr);
}

// How far a thread goes: compares; and adds its own rank's part; and those of others, which are late.
enum Zeal { LOOKS, ADDS, HELPS };

// An operation, as far as it comes without waiting. The lock is left while it adds. Something was done: true.
bool share(Request* r, Zeal zeal) {
  Group& g = groups[r->order.group];
  bool moved = false;
  if (r->stage == NEW) moved = publish(r, g);
  if (r->stage == COMPARING && all_there(r, g)) {
    settle(r, g);
    moved = true;
  }
  if (r->stage != ADDING) return moved;
  const shared::Sum sum = {g.members, g.size, r->number, r->order.count, r->order.type, r->order.op};
  if (zeal > LOOKS) {
    r->users++;
    monitor_leave(&monitor);
    for (int i = 0; i < (zeal == HELPS ? g.size : 1); i++)
      if (shared::add_part(sum, (g.rank + i) % g.size)) moved = true;
    monitor_enter(&monitor);
    r->users--;
  }
  if (r->stage != ADDING || r->users > 0 || !shared::complete(sum)) return moved;
  if (r->room) memcpy(r->order.out, r->room->at, (size_t)(r->order.count * BYTES[r->order.type]));
  leave_share(r, g, DONE, nullptr);
  return true;
}
bool share_all(Zeal zeal) {
  bool moved = false;
  for (Request* r = first; r; r = r->next)
    if (in_share(r) && share(r, zeal)) moved = true;
  return moved;
}
bool any_in_share() {
  for (Request* r = first; r; r = r->next)
    if (in_share(r)) return true;
  return false;
}

// Of the thread that calls MPI: for programs that do not come by, and ranks that do not come at all.
void watch_share(bool leaving_now) {
  for (Request* r = first; r; r = r->next) {
    if (!in_share(r)) continue;
    const bool late = leaving_now || (r->stage == ADDING && nanoseconds() - r->met > PATIENCE);
    if (share(r, late ? ADDS : LOOKS) || r->stage >= ADDING || r->begin == 0) continue;
    const double waited = seconds_since(r->begin);
    if (waited < LEFT && waited <= timeout_s) continue;
    r->users++;
    monitor_leave(&monitor);
    const Group& g = groups[r->order.group];
    if (!awaits_who_left(r, g, r->number, -1) && waited > timeout_s) blame(r, g);
    monitor_enter(&monitor);
    r->users--;
  }
}

// A collective operation, as far as it comes without waiting; `turn`: those before it in its group are through.
// Something was done: true.
bool advance(Request* r, bool turn) {
  Group& g = groups[r->order.group];
  bool failed = false;
  switch (r->stage) {
    case NEW: begin_comparing(r, g); return true;
    case COMPARING:
      if (!tested(r, &r->pending, &failed)) {
        if (!failed && !awaits_who_left(r, g, r->number, -1) && seconds_since(r->begin) > timeout_s) blame(r, g);
        return false;
      }
      r->stage = COMPARED;
      [[fallthrough]];
    case COMPARED:
      if (!turn) return false;
      if (r->all[0] != -r->all[1]) {
        r->words = (char*)malloc((size_t)g.size * TEXT / 2);
        r->stage = SAYING;
        if (!r->words) finish_request(r, "memory is out");
        else wrong(r, M.Iallgather(r->order.about, TEXT / 2, M.bytes, r->words, TEXT / 2, M.bytes, g.comm, &r->pending));
        return true;
      }
      r->blocking = r->all[2] == 0 && bytes_moved(r->order, g) >= BLOCKING_LEAST && bytes_moved(r->order, g) <= BLOCKING_MOST;
      if (r->order.kind == SPLIT) return split(r, g), true;
      if (r->order.count == 0) return finish_request(r, nullptr), true;
      r->stage = MOVING;
      if (r->blocking) {
        monitor_enter(&monitor);
        blocked_since = nanoseconds();
        blocked_limit = (int64_t)((silence_s > 0 ? silence_s : timeout_s) * 1e9) + bytes_moved(r->order, g) * 100;
        snprintf(blocked_in, sizeof blocked_in, "%.200s", r->order.about);
        monitor_leave(&monitor);
        int code = 0;
        do code = move(r, g, true);
        while (!code && r->at < r->order.count);
        monitor_enter(&monitor);
        blocked_since = 0;
        monitor_leave(&monitor);
        heard[0] = heard[1] = nanoseconds();
        if (!wrong(r, code)) end_collective(r, g);
      } else
        wrong(r, move(r, g, false));
      return true;
    case SAYING:
      if (!tested(r, &r->pending, &failed)) return false;
      {
        char why[TEXT];
        disagree(why, g, [&](int i) { return r->words + (size_t)i * TEXT / 2; });
        finish_request(r, why);
      }
      return true;
    case MOVING:
      if (!tested(r, &r->pending, &failed)) return false;
      if (r->at < r->order.count) wrong(r, move(r, g, false));
      else end_collective(r, g);
      return true;
    default: return false;
  }
}

// A message: a header with what it holds, then the elements. Each on a tag of its own.
bool exchange(Request* r) {
  const Order& o = r->order;
  const Group& g = groups[o.group];
  const Handle type = M.types[o.type];
  bool failed = false;
  if (o.kind == SEND) {
    if (r->stage == NEW) {
      memset(&r->header, 0, sizeof r->header);
      r->header.bytes = o.count * BYTES[o.type], r->header.hash = hash_of(o.about), r->header.sender = g.rank;
      snprintf(r->header.about, sizeof r->header.about, "%s", o.about);
      r->stage = HEADING;
      r->begin = nanoseconds();
      if (!wrong(r, M.Isend(&r->header, sizeof(Header), M.bytes, o.peer, 2 * o.tag, g.comm, &r->pending)))
        wrong(r, M.Isend(o.in, (int)o.count, type, o.peer, 2 * o.tag + 1, g.comm, &r->pending2));
      return true;
    }
    if (r->pending != M.null_request && !tested(r, &r->pending, &failed)) {
    } else if (!failed && tested(r, &r->pending2, &failed))
      return finish_request(r, nullptr), true;
  } else {
    if (r->stage == NEW) {
      r->stage = HEADING;
      r->begin = nanoseconds();
      wrong(r, M.Irecv(&r->header, sizeof(Header), M.bytes, o.peer < 0 ? M.any_source : o.peer, 2 * o.tag, g.comm, &r->pending));
      return true;
    }
    if (tested(r, &r->pending, &failed)) {
      if (r->stage == HEADING) {
        void* to = o.out;
        if (r->header.hash != hash_of(o.about)) to = r->spare = malloc((size_t)r->header.bytes + 1);
        r->stage = MOVING;
        r->result = r->header.sender;
        wrong(r, M.Irecv(to, (int)r->header.bytes, M.bytes, r->header.sender, 2 * o.tag + 1, g.comm, &r->pending));
      } else if (r->spare) {
        char why[TEXT];
        say(why, "sender and receiver must have the same shape and type; rank %d sends %.150s, rank %d receives %.150s",
            r->header.sender, r->header.about, g.rank, o.about);
        free(r->spare);
        r->spare = nullptr;
        finish_request(r, why);
      } else
        finish_request(r, nullptr);
      return true;
    }
  }
  if (!failed && r->stage == HEADING && awaits_who_left(r, g, 0, o.peer)) return false;
  if (!failed && r->stage == HEADING && seconds_since(r->begin) > timeout_s) {
    char why[TEXT], when[48];
    say(why, "rank %d has not come to %.120s, for which rank %d waited %.0f s %s", o.peer, o.about, world.rank, timeout_s, at_step(when));
    if (o.peer < 0) say(why, "no rank has sent %.120s, for which rank %d waited %.0f s %s", o.about, world.rank, timeout_s, at_step(when));
    fail_now(why, true);
  }
  return false;
}

// Is it MPI's turn?
bool in_progress(const Request* r) { return r->stage != DONE && !in_share(r); }

// One pass over what is under way. In each group the collective operations are compared, and then go, in their order.
bool pass() {
  bool moved = false;
  Request* list[128];
  int n = 0;
  uint8_t busy[GROUPS] = {};
  bool turns[128];
  monitor_enter(&monitor);
  for (Request* r = first; r && n < 128; r = r->next) {
    const Order& o = r->order;
    if (in_progress(r)) turns[n] = !busy[o.group], list[n++] = r;
    // One that is added in shared memory holds up none by MPI; one that is not compared yet may.
    if (r->stage != DONE && r->stage != ADDING && o.kind != SEND && o.kind != RECV) busy[o.group] = 1;
  }
  monitor_leave(&monitor);
  for (int i = 0; i < n; i++) {
    if (list[i]->stage == DONE) continue;
    const Order& o = list[i]->order;
    const bool message = o.kind == SEND || o.kind == RECV, turn = turns[i];
    // When it is through, whoever waits for it may free it.
    if (message ? exchange(list[i]) : advance(list[i], turn)) moved = true;
  }
  return moved;
}

bool any_in_progress() {
  for (Request* r = first; r; r = r->next)
    if (in_progress(r)) return true;
  return false;
}

// Finds the ranks of this host whose memory can be reached. All ranks call this.
const char* share_memory() {
  struct Told {
    shared::Place place;
    int64_t fine;
  };
  Told mine = {};
  const char* why = share_wanted ? shared::create(&mine.place) : "it is not wanted";
  if (why) mine.place.host = 0;
  Told* const all = (Told*)calloc((size_t)world.size, sizeof(Told));
  segments = (char**)calloc((size_t)world.size, sizeof(char*));
  if (!all || !segments) return "memory is out";
  const auto gather = [&] {
    return !M.Allgather(&mine, sizeof(Told), M.bytes, all, sizeof(Told), M.bytes, groups[0].comm);
  };
  if (!gather()) return "MPI_Allgather failed";
  mine.fine = mine.place.host != 0;
  for (int i = 0; i < world.size && mine.fine; i++) {
    if (all[i].place.host != mine.place.host) continue;
    segments[i] = shared::attach(all[i].place);
    if (!segments[i]) mine.fine = false, why = "the system does not let ranks reach each other's memory";
  }
  if (!gather()) return "MPI_Allgather failed";
  // What all do, or none.
  bool here = mine.fine, others = false;
  for (int i = 0; i < world.size; i++) {
    if (i != world.rank && mine.place.host && all[i].place.host == mine.place.host) others = true;
    if (all[i].place.host == mine.place.host && !all[i].fine) here = false;
    if (!why && !all[i].place.host) why = "another rank does not share its memory";
    if (!why && all[i].place.host != mine.place.host) why = "not all ranks are on one host";
  }
  for (int i = 0; i < world.size; i++)
    if (!here || all[i].place.host != mine.place.host) segments[i] = nullptr;
  sharing = here && others;
  if (!sharing || why) snprintf(not_shared, sizeof not_shared, "%s", why ? why : "another rank of the host cannot");
  free(all);
  groups[0].members = members_of(world.size, nullptr, nullptr);
  return nullptr;
}

// Ranks that have failed tell the others before they go.
void tell_failure() {
  if (!failure_is_ours) return;
  for (int to = 0; to < world.size; to++)
    if (to != world.rank) tell(to, FAILED, failure);
  const int64_t begin = nanoseconds();
  while (seconds_since(begin) < 0.3) {
    bool busy = false;
    for (Outgoing& o : outgoing) {
      int finished = 1;
      if (o.busy && !M.Test(&o.pending, &finished, status) && finished) o.busy = false;
      busy |= o.busy;
    }
    if (!busy) break;
    usleep(1000);
  }
}

bool begin_mpi() {
  int level = 0;
  if (M.Init_thread(nullptr, nullptr, FUNNELED, &level)) return start_error = "MPI_Init_thread failed", false;
  world.level = level;
  if (level < FUNNELED) return start_error = "the MPI library has no support for threads (MPI_THREAD_FUNNELED)", false;
  M.Comm_set_errhandler(M.world, M.returning);
  if (M.Comm_rank(M.world, &world.rank) || M.Comm_size(M.world, &world.size)) return start_error = "MPI_Comm_size failed", false;
  Group& all = groups[0];
  if (M.Comm_dup(M.world, &all.comm) || M.Comm_dup(M.world, &all.asking) || M.Comm_dup(M.world, &side)) return start_error = "MPI_Comm_dup failed", false;
  all.rank = world.rank, all.size = world.size;
  M.Comm_set_errhandler(all.comm, M.returning);
  M.Comm_set_errhandler(all.asking, M.returning);
  M.Comm_set_errhandler(side, M.returning);
  group_count = 1;
  if (!half_ops<from_f16, to_f16>(own_ops[FLOAT16]) || !half_ops<from_bf16, to_bf16>(own_ops[BFLOAT16]) ||
      M.Op_create(reduce_float<MAX, float>, 1, &own_ops[FLOAT32][MAX]) || M.Op_create(reduce_float<MIN, float>, 1, &own_ops[FLOAT32][MIN]) ||
      M.Op_create(reduce_float<MAX, double>, 1, &own_ops[FLOAT64][MAX]) || M.Op_create(reduce_float<MIN, double>, 1, &own_ops[FLOAT64][MIN]))
    return start_error = "MPI_Op_create failed", false;
  if (world.size > 1 && (start_error = share_memory())) return false;
  heard[0] = heard[1] = nanoseconds();
  return true;
}

// Under the lock; something to do wakes it earlier.
void pause_for(int64_t ns) {
  timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += ns;
  if (until.tv_nsec >= 1'000'000'000) until.tv_sec++, until.tv_nsec -= 1'000'000'000;
  pthread_cond_timedwait(&work, &monitor.lock, &until);
}

NABLA_THREAD_MAIN talk(void*) {
  const bool begun = begin_mpi();
  monitor_enter(&monitor);
  running = begun;
  stopped = !begun;
  monitor_wake(&monitor);
  monitor_leave(&monitor);
  if (!begun) return 0;
  bool told_failure = false;
  int idle = 0;
  for (;;) {
    monitor_enter(&monitor);
    if (!any_in_progress() && !stopping && !(failure[0] && !told_failure)) {
      // What is added in shared memory is begun by others, who do not wake it.
      pause_for(any_in_share() ? PATIENCE : sharing ? 5 * PATIENCE : 200'000'000);
      idle = 0;
    } else if (idle > 0 && waiting == 0 && !stopping)
      // Nobody waits: the core belongs to what computes.
      pause_for(250'000);
    const bool lost = failure[0] != 0;
    if (sharing && !lost) watch_share(stopping);
    const bool somebody = waiting > 0 || stopping;
    const bool stop = stopping && (lost || stop_failed || !(any_in_progress() || any_in_share()));
    monitor_leave(&monitor);
    if (lost && !told_failure) {
      told_failure = true;
      tell_failure();
    }
    if (stop) break;
    const bool moved = !lost && pass();
    static int64_t touched;
    if (nanoseconds() - touched > 20'000'000) {
      touched = nanoseconds();
      keep_in_touch();
    }
    idle = moved ? 0 : idle + 1;
    // Somebody waits: what is awaited may come at any moment.
    if (idle > 0 && somebody) {
      if (idle < 200) sched_yield();
      else usleep(idle < 2000 ? 20 : 200);
    }
  }
  if (!stop_failed && !failure[0]) {
    for (int i = 0; i < 2; i++) leaving[i] = true;
    for (int i = 0; i < (world.size > 2 ? 2 : 1) && world.size > 1; i++) tell(beside(i), LEAVING);
    // Nobody leaves before all have come here; and what was sent has gone.
    Handle pending = M.null_request;
    int64_t a = 0, b = 0;
    int finished = 0;
    if (!M.Iallreduce(&a, &b, 1, M.int64, M.ops[MAX], side, &pending))
      while (!M.Test(&pending, &finished, status) && !finished && !failure[0]) {
        listen();
        usleep(500);
      }
    for (Outgoing& o : outgoing)
      while (o.busy && !M.Test(&o.pending, &finished, status) && !finished) usleep(500);
    if (!failure[0]) {
      listen();
      monitor_enter(&monitor);
      agreed = nanoseconds();
      monitor_leave(&monitor);
      M.Finalize();
    }
  }
  monitor_enter(&monitor);
  stopped = true;
  monitor_wake(&monitor);
  monitor_leave(&monitor);
  return 0;
}

// The other thread, which never calls MPI: it notices when that one does not come back from it, and when a program that
// has failed goes on regardless.
NABLA_THREAD_MAIN watch(void*) {
  for (;;) {
    usleep(250'000);
    monitor_enter(&monitor);
    const bool over = stopped;
    const int64_t now = nanoseconds();
    if (!over && blocked_since && now - blocked_since > blocked_limit && !failure[0]) {
      char why[TEXT], when[48];
      say(why, "%.120s has begun on all ranks and does not end: a rank or the network to it is gone; rank %d of %d stops %s", blocked_in,
          world.rank, world.size, at_step(when));
      set_failure(why, true);
    }
    const bool late = failure[0] && now - failed_at > 6'000'000'000;
    monitor_leave(&monitor);
    if (over) return 0;
    if (late) {
      dprintf(2, "nabla: [distributed] %s\n", failure);
      _exit(1);
    }
  }
}

// The launcher ends a rank because another died: it says so, by what a signal may do, and goes.
char died_file[256];
struct sigaction before_term;
void on_term(int number) {
  static char text[TEXT + 128];
  char when[24];
  const auto put = [](const char* s) { return write(2, s, strlen(s)); };
  const auto digits = [&](int64_t v) {
    char* p = when + sizeof when - 1;
    *p = 0;
    do *--p = (char)('0' + v % 10);
    while (v /= 10);
    return put(p);
  };
  int n = 0;
  for (int i = 0; i < 20 && n <= 0 && died_file[0]; i++) {
    const int file = ::open(died_file, O_RDONLY);
    if (file >= 0) {
      n = (int)read(file, text, sizeof text - 1);
      close(file);
    }
    const timespec pause = {0, 5'000'000};
    if (n <= 0) nanosleep(&pause, nullptr);
  }
  put("nabla: [distributed] rank ");
  digits(world.rank);
  put(" of ");
  digits(world.size);
  put(" is ended by the launcher ");
  const int64_t s = __atomic_load_n(&step, __ATOMIC_RELAXED);
  if (s < 0) put("before its first step");
  else put("at step "), digits(s);
  if (failure[0]) put(": "), put(failure);
  else if (n > 0) {
    text[n] = 0;
    text[strcspn(text, "\n")] = 0;
    put(": "), put(text);
  }
  put("\n");
  sigaction(number, &before_term, nullptr);
  raise(number);
}

template <class F>
bool find(void* library, const char* name, F* to) {
  *to = (F)dlsym(library, name);
  return *to != F();
}

const char* open_mpi_names(void* lib) {
  static const char* const types[TYPES] = {"ompi_mpi_float", "ompi_mpi_double", "ompi_mpi_uint16_t", "ompi_mpi_uint16_t", "ompi_mpi_int8_t",
                                           "ompi_mpi_uint8_t", "ompi_mpi_int32_t", "ompi_mpi_int64_t", "ompi_mpi_uint8_t"};
  static const char* const ops[OPS] = {"ompi_mpi_op_sum", "ompi_mpi_op_sum", "ompi_mpi_op_max", "ompi_mpi_op_min", "ompi_mpi_op_prod"};
  bool fine = find(lib, "ompi_mpi_comm_world", &M.world) && find(lib, "ompi_request_null", &M.null_request) &&
              find(lib, "ompi_mpi_errors_return", &M.returning) && find(lib, "ompi_mpi_byte", &M.bytes);
  for (int i = 0; i < TYPES; i++) fine = fine && find(lib, types[i], &M.types[i]);
  for (int i = 0; i < OPS; i++) fine = fine && find(lib, ops[i], &M.ops[i]);
  M.any_source = -1;
  M.in_place = (void*)1;
  return fine ? nullptr : "it looks like Open MPI, but not all of its names are there";
}

const char* mpich_numbers() {
  const Handle types[TYPES] = {0x4c00040a, 0x4c00080b, 0x4c00023c, 0x4c00023c, 0x4c000137, 0x4c00013b, 0x4c000439, 0x4c00083a, 0x4c00013b};
  const Handle ops[OPS] = {0x58000003, 0x58000003, 0x58000001, 0x58000002, 0x58000004};
  for (int i = 0; i < TYPES; i++) M.types[i] = types[i];
  for (int i = 0; i < OPS; i++) M.ops[i] = ops[i];
  M.world = 0x44000000, M.null_request = 0x2c000000, M.returning = 0x54000001, M.bytes = 0x4c00010d;
  M.any_source = -2;
  M.in_place = (void*)-1;
  return nullptr;
}

}  // namespace

const char* open(const char* library, Found* found) {
  static char why[TEXT];
  // Its plug-ins look for its names.
  void* const lib = dlopen(library, RTLD_NOW | RTLD_GLOBAL);
  if (!lib) {
    snprintf(why, sizeof why, "%s", dlerror());
    return why;
  }
#define NABLA_FIND(name, ...)                                                      \
  if (!find(lib, "MPI_" #name, &M.name)) {                                         \
    snprintf(why, sizeof why, "%s has no MPI_%s, of MPI 3", library, #name);        \
    return why;                                                                    \
  }
  NABLA_MPI_FUNCTIONS(NABLA_FIND)
#undef NABLA_FIND
  found->open_mpi = dlsym(lib, "ompi_mpi_comm_world") != nullptr;
  if (const char* wrong = found->open_mpi ? open_mpi_names(lib) : mpich_numbers()) return wrong;
  M.int64 = M.types[INT64];
  static char version[8192];
  int n = 0;
  M.Get_library_version(version, &n);
  version[strcspn(version, "\n\r")] = 0;
  snprintf(found->version, sizeof found->version, "%.255s", version);
  return nullptr;
}

const char* start(World* out, double timeout, double silence, double start_limit, bool share) {
  monitor_init(&monitor);
  share_wanted = share;
  timeout_s = timeout, silence_s = silence;
  Thread thread;
  if (!thread_start(&thread, talk, nullptr)) return "a thread could not be started";
  const int64_t begin = nanoseconds();
  for (;;) {
    monitor_enter(&monitor);
    const bool ready = running || stopped;
    monitor_leave(&monitor);
    if (ready) break;
    if (start_limit > 0 && seconds_since(begin) > start_limit) {
      say(start_text, "MPI_Init has not come back for %.0f s: not all ranks have started, or they do not reach each other", start_limit);
      return start_text;
    }
    usleep(1000);
  }
  *out = world;
  if (!running) return start_error;
  thread_start(&thread, watch, nullptr);
  return nullptr;
}

int32_t post(const Order& order) {
  Request* r = (Request*)calloc(1, sizeof(Request));
  if (!r) return 0;
  r->order = order;
  r->result = -1;
  monitor_enter(&monitor);
  r->id = next_id++;
  r->pending = r->pending2 = M.null_request;
  if (order.kind != SEND && order.kind != RECV) r->number = ++groups[order.group].posted;
  if (failure[0] || stopping || !running) {
    r->error = copy_text(failure[0] ? failure : "MPI has been left already");
    r->stage = DONE;
  }
  const int32_t id = r->id;
  *last = r;
  last = &r->next;
  // On the way the program adds up what has come of earlier ones.
  if (sharing && !failure[0]) share_all(ADDS);
  if (!in_share(r)) pthread_cond_signal(&work);
  monitor_leave(&monitor);
  return id;
}

namespace {
Request* request_of(int32_t id) {
  for (Request* r = first; r; r = r->next)
    if (r->id == id) return r;
  return nullptr;
}

// Until it is through, or MPI's turn. Whoever waits helps the others; then leaves its core to them, and sleeps when nobody comes.
void await_share(const Request* r) {
  constexpr int64_t AWAKE = 200'000, ASLEEP = 20'000'000;
  int64_t since = nanoseconds();
  while (in_share(r)) {
    const bool asleep = nanoseconds() - since > AWAKE;
    if (asleep) shared::sleepers(1);
    const int32_t heard = asleep ? shared::bell() : 0;
    if (share_all(HELPS)) since = nanoseconds();
    else if (in_share(r)) {
      monitor_leave(&monitor);
      if (asleep) shared::sleep(heard, ASLEEP);
      else sched_yield();
      monitor_enter(&monitor);
    }
    if (asleep) shared::sleepers(-1);
  }
}
}  // namespace

bool done(int32_t id) {
  monitor_enter(&monitor);
  if (sharing && !failure[0]) share_all(ADDS);
  const Request* r = request_of(id);
  const bool over = !r || r->stage == DONE;
  monitor_leave(&monitor);
  return over;
}

char* wait(int32_t id, int32_t* result) {
  monitor_enter(&monitor);
  Request* r = request_of(id);
  if (!r) {
    monitor_leave(&monitor);
    return nullptr;
  }
  await_share(r);
  waiting++;
  if (r->stage != DONE) pthread_cond_signal(&work);
  while (r->stage != DONE) monitor_wait(&monitor);
  waiting--;
  for (Request** p = &first; *p; p = &(*p)->next)
    if (*p == r) {
      *p = r->next;
      if (last == &r->next) last = p;
      break;
    }
  char* const error = r->error;
  *result = r->result;
  // The thread that calls MPI may still have it in hand: after a failure it is kept.
  const bool keep = failure[0] != 0;
  monitor_leave(&monitor);
  if (!keep) {
    free(r->words);
    free(r);
  }
  return error;
}

// A line in a file, as memory: a step may take less than a call of the system.
constexpr int LINE = 41;
char* line_of_step;
void mark(int64_t s) {
  __atomic_store_n(&step, s, __ATOMIC_RELAXED);
  char text[LINE + 8], when[48];
  if (line_of_step) snprintf(text, sizeof text, "%-40.40s\n", words_of(when, s)), memcpy(line_of_step, text, LINE);
}
bool keep_step(const char* path) {
  const int file = ::open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return false;
  void* const at = ftruncate(file, LINE) ? MAP_FAILED : mmap(nullptr, LINE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (at == MAP_FAILED) return close(file), false;
  line_of_step = (char*)at;
  mark(step);
  return true;
}
shared::Room* room(int32_t group, int64_t bytes) { return groups[group].members ? shared::take(bytes) : nullptr; }
const char* unshared() { return not_shared; }
int notes_of(const char* folder) {
#if defined(__linux__)
  // What the launcher and the MPI library have left open would go on to those that read: the launcher waits for the end of its pipes,
  // and the other side of a connection for that of it.
  constexpr int CLOSE_RANGE = 436, ON_EXEC = 4;
  if (syscall(CLOSE_RANGE, 3u, ~0u, ON_EXEC))
    for (int file = 3; file < 1024; file++) fcntl(file, F_SETFD, FD_CLOEXEC);
  const int notes = inotify_init1(IN_CLOEXEC);
  if (notes < 0 || inotify_add_watch(notes, folder, IN_CLOSE_WRITE | IN_ONLYDIR) >= 0) return notes;
  close(notes);
#endif
  return -1;
}
void failure_of(char* text) {
  monitor_enter(&monitor);
  snprintf(text, TEXT, "%s", failure);
  monitor_leave(&monitor);
}
void limit(double timeout) { timeout_s = timeout; }

void tell_signals(const char* died) {
  snprintf(died_file, sizeof died_file, "%s", died);
  struct sigaction now = {};
  now.sa_handler = on_term;
  sigaction(SIGTERM, &now, &before_term);
}

void fail(const char* why) {
  if (running) fail_now(why, true);
}

End finish(bool failed) {
  monitor_enter(&monitor);
  if (!running || stopped) {
    monitor_leave(&monitor);
    return FINALIZED;
  }
  stop_failed = failed;
  stopping = true;
  pthread_cond_signal(&work);
  const int64_t begin = nanoseconds();
  bool over = false;
  for (;;) {
    over = stopped;
    const bool lost = failed || failure[0];
    const bool enough = agreed && seconds_since(agreed) > finalize_limit;
    monitor_leave(&monitor);
    if (over) break;
    if (lost && seconds_since(begin) > 1.5) break;
    if (enough) return AGREED;
    usleep(1000);
    monitor_enter(&monitor);
  }
  return over ? FINALIZED : LOST;
}

}  // namespace nabla::mpi
#endif
