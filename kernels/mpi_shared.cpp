// See mpi_shared.h. All members add in the order of the ranks, whoever does it, so that the bits are always the same.
#include "mpi_shared.h"

#if !defined(_WIN32)
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mpi_sums.h"
#if defined(__linux__)
#include <errno.h>
#include <linux/futex.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#endif

namespace nabla::mpi::shared {
namespace {

// A place in the address space, of which only what is used takes memory.
constexpr int64_t RESERVED = (int64_t)64 << 30;
constexpr int64_t PAGE = 4096, HUGE_PAGE = 2 << 20;
// See Blocks in src/backends/cpu/native.ts: large blocks do not all begin at one place of a page.
constexpr int64_t LARGE = 256 << 10, STEP = 13 * CACHE_LINE;

struct Segment {
  uint64_t token;
  alignas(CACHE_LINE) int32_t bell;
  int32_t sleeping;
  Board boards[BOARDS];
};
char* own;
int own_file = -1;
int64_t top, there, step;  // of the heap in it: used, and with pages behind it
Room* spare;
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

Segment& segment_of(char* memory) { return *(Segment*)memory; }

#if defined(__linux__)
uint64_t hash(uint64_t h, const char* text) {
  for (; *text; text++) h = (h ^ (uint8_t)*text) * 0x100000001b3u;
  return h;
}
// Ranks with one kernel, one name, and one view of processes and of the network: containers count as hosts.
uint64_t this_host() {
  char text[256] = "";
  gethostname(text, sizeof text - 1);
  uint64_t h = hash(0xcbf29ce484222325u, text);
  if (const int file = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC); file >= 0) {
    const ssize_t n = read(file, text, sizeof text - 1);
    close(file);
    text[n > 0 ? n : 0] = 0;
    h = hash(h, text);
  }
  const char* const views[] = {"/proc/self/ns/pid", "/proc/self/ns/net"};
  for (const char* name : views) {
    const ssize_t n = readlink(name, text, sizeof text - 1);
    text[n > 0 ? n : 0] = 0;
    h = hash(h, text);
  }
  return h | 1;
}
// At an address that huge pages can have.
char* map(int file) {
  char* const room = (char*)mmap(nullptr, RESERVED + HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) return nullptr;
  char* const at = (char*)(((uintptr_t)room + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
  if (mmap(at, RESERVED, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, file, 0) == MAP_FAILED) {
    munmap(room, RESERVED + HUGE_PAGE);
    return nullptr;
  }
#if defined(MADV_HUGEPAGE)
  madvise(at, RESERVED, MADV_HUGEPAGE);
#endif
  return at;
}
// Pages behind addresses, so that no access fails later where memory is short.
bool populate(int64_t from, int64_t bytes) {
  constexpr int POPULATE_WRITE = 23;  // Linux 5.14
  if (!madvise(own + from, (size_t)bytes, POPULATE_WRITE)) return true;
  return errno == EINVAL && !posix_fallocate(own_file, from, bytes);
}
#endif

template <class T>
struct Element {
  typedef T Sum;
  static T widen(T x) { return x; }
  static T narrow(T x) { return x; }
};
// Sums of half types are rounded once.
struct F16 {
  uint16_t bits;
};
struct B16 {
  uint16_t bits;
};
template <>
struct Element<F16> {
  typedef float Sum;
  static float widen(F16 x) { return from_f16(x.bits); }
  static F16 narrow(float x) { return {to_f16(x)}; }
};
template <>
struct Element<B16> {
  typedef float Sum;
  static float widen(B16 x) { return from_bf16(x.bits); }
  static B16 narrow(float x) { return {to_bf16(x)}; }
};

// Elements from `from` on, of all members to all members.
template <class T, Op op>
void add(const Sum& s, int64_t from, int64_t count) {
  typedef Element<T> E;
  typedef typename E::Sum A;
  constexpr int64_t BLOCK = 2048;
  A sum[BLOCK];
  T out[BLOCK];
  const auto slot = [&](int i) -> const Slot& { return slot_of(s.members[i], s.number); };
  for (int64_t end = from + count; from < end; from += BLOCK) {
    const int64_t n = end - from < BLOCK ? end - from : BLOCK;
    for (int m = 0; m < s.size; m++) {
      const T* x = (const T*)(s.members[m].memory + slot(m).in) + from;
      if (m == 0)
        for (int64_t i = 0; i < n; i++) sum[i] = E::widen(x[i]);
      else
        for (int64_t i = 0; i < n; i++) sum[i] = combine<op == MEAN ? SUM : op>(sum[i], E::widen(x[i]));
    }
    if constexpr (op == MEAN) {
      const A factor = (A)1 / (A)s.size;
      for (int64_t i = 0; i < n; i++) sum[i] *= factor;
    }
    for (int64_t i = 0; i < n; i++) out[i] = E::narrow(sum[i]);
    for (int m = 0; m < s.size; m++)
      memcpy(s.members[m].memory + slot(m).out + from * (int64_t)sizeof(T), out, (size_t)n * sizeof(T));
  }
}
template <class T>
void add_type(const Sum& s, int64_t from, int64_t count) {
  switch (s.op) {
    case MAX: return add<T, MAX>(s, from, count);
    case MIN: return add<T, MIN>(s, from, count);
    case PRODUCT: return add<T, PRODUCT>(s, from, count);
    case MEAN:
      // Asked for of float types only.
      if constexpr ((typename Element<T>::Sum)0.5 != 0) return add<T, MEAN>(s, from, count);
      [[fallthrough]];
    default: return add<T, SUM>(s, from, count);
  }
}
void add_chunk(const Sum& s, int64_t from, int64_t count) {
  switch (s.type) {
    case FLOAT32: return add_type<float>(s, from, count);
    case FLOAT64: return add_type<double>(s, from, count);
    case FLOAT16: return add_type<F16>(s, from, count);
    case BFLOAT16: return add_type<B16>(s, from, count);
    case INT8: return add_type<int8_t>(s, from, count);
    case UINT8: return add_type<uint8_t>(s, from, count);
    case INT32: return add_type<int32_t>(s, from, count);
    case INT64: return add_type<int64_t>(s, from, count);
    default:
      // A sum of truths is "or", a product "and".
      if (s.op == SUM || s.op == MEAN || s.op == MAX) return add<uint8_t, MAX>(s, from, count);
      return add<uint8_t, MIN>(s, from, count);
  }
}

// Elements that are added at once, and where a member's part begins: at a cache line.
constexpr int64_t CHUNK_BYTES = 32 << 10;
int64_t chunk_of(const Sum& s) { return CHUNK_BYTES / BYTES[s.type]; }
int64_t begin_of(const Sum& s, int part) {
  if (part == s.size) return s.count;
  constexpr int64_t UNIT = CACHE_LINE;
  const int64_t units = (s.count + UNIT - 1) / UNIT;
  const int64_t at = units * part / s.size * UNIT;
  return at < s.count ? at : s.count;
}
int64_t chunks_of(const Sum& s, int part) {
  const int64_t chunk = chunk_of(s);
  return (begin_of(s, part + 1) - begin_of(s, part) + chunk - 1) / chunk;
}

}  // namespace

#if defined(__linux__)
const char* create(Place* place) {
  // Beyond it the system would not only refuse, but end the process by a signal.
  rlimit most;
  if (!getrlimit(RLIMIT_FSIZE, &most) && most.rlim_cur != RLIM_INFINITY && most.rlim_cur < (rlim_t)RESERVED)
    return "a limit of the size of files";
  own_file = (int)syscall(SYS_memfd_create, "nabla", 1u /* MFD_CLOEXEC */);
  if (own_file < 0) return "the system has no memory files";
  if (ftruncate(own_file, RESERVED)) return "memory files may not be so large";
  own = map(own_file);
  if (!own) return "a limit of the address space";
  top = there = (int64_t)(sizeof(Segment) + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
  if (!populate(0, PAGE)) return "memory is out";
  place->host = this_host();
  place->process = getpid();
  place->file = own_file;
  place->token = (uint64_t)nanoseconds() * 0x9e3779b97f4a7c15u ^ (uint64_t)getpid();
  segment_of(own).token = place->token;
  return nullptr;
}

char* attach(const Place& place) {
  if (place.process == getpid() && place.file == own_file) return own;
  char path[64];
  snprintf(path, sizeof path, "/proc/%lld/fd/%lld", (long long)place.process, (long long)place.file);
  const int file = ::open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return nullptr;
  // What is shorter is something else, and an access behind its end would end the process.
  char* const at = lseek(file, 0, SEEK_END) == RESERVED ? map(file) : nullptr;
  close(file);
  if (at && segment_of(at).token != place.token) {
    munmap(at, RESERVED);
    return nullptr;
  }
  return at;
}

int32_t bell() { return __atomic_load_n(&segment_of(own).bell, __ATOMIC_SEQ_CST); }
void sleepers(int more) { __atomic_fetch_add(&segment_of(own).sleeping, more, __ATOMIC_SEQ_CST); }
void sleep(int32_t heard, int64_t ns) {
  const timespec most = {0, ns};
  syscall(SYS_futex, &segment_of(own).bell, FUTEX_WAIT, heard, &most, nullptr, 0);
}
void ring(char* memory) {
  Segment& s = segment_of(memory);
  // In one order with those that lie down: it sees them, or they see what was stored.
  if (__atomic_fetch_add(&s.sleeping, 0, __ATOMIC_SEQ_CST) == 0) return;
  __atomic_fetch_add(&s.bell, 1, __ATOMIC_SEQ_CST);
  syscall(SYS_futex, &s.bell, FUTEX_WAKE, 1 << 30, nullptr, nullptr, 0);
}
#else
static bool populate(int64_t, int64_t) { return false; }
const char* create(Place*) { return "it is made for Linux"; }
char* attach(const Place&) { return nullptr; }
int32_t bell() { return 0; }
void sleepers(int) {}
void sleep(int32_t, int64_t) {}
void ring(char*) {}
#endif

Board* board_of(char* memory, int index) { return &segment_of(memory).boards[index]; }

Room* take(int64_t bytes) {
  if (!own || bytes > RESERVED / 2) return nullptr;
  // Eight sizes for each doubling, so that blocks are taken again.
  int64_t unit = CACHE_LINE;
  while (unit * 16 <= bytes) unit *= 2;
  const int64_t size = (bytes + unit - 1) / unit * unit;
  pthread_mutex_lock(&lock);
  Room* room = nullptr;
  for (Room** p = &spare; *p; p = &(*p)->next)
    if ((*p)->bytes == size) {
      room = *p;
      *p = room->next;
      break;
    }
  if (!room) {
    const int64_t most = size + (size < LARGE ? 0 : PAGE);
    const int64_t end = (top + most + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    room = end <= RESERVED ? (Room*)calloc(1, sizeof(Room)) : nullptr;
    if (room && end > there) {
      if (populate(there, end - there)) there = end;
      else free(room), room = nullptr;
    }
    if (room) {
      int64_t skip = 0;
      if (size >= LARGE) skip = step = (step + STEP) % PAGE;
      room->from = own + top;
      room->at = room->from + skip;
      room->bytes = size;
      top += (most + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    }
  }
  pthread_mutex_unlock(&lock);
  return room;
}
void give(Room* room) {
  if (!room) return;
  pthread_mutex_lock(&lock);
  room->next = spare;
  spare = room;
  pthread_mutex_unlock(&lock);
}
int64_t place_of(const void* at, int64_t bytes) {
  const char* const p = (const char*)at;
  return own && p >= own && p + bytes <= own + RESERVED ? p - own : -1;
}

bool add_part(const Sum& s, int part) {
  const int64_t chunks = chunks_of(s, part), chunk = chunk_of(s), end = begin_of(s, part + 1);
  Slot& slot = slot_of(s.members[part], s.number);
  bool any = false;
  for (;;) {
    // Most find nothing left: what is only read stays in the caches of all.
    if (__atomic_load_n(&slot.taken, __ATOMIC_RELAXED) >= chunks) break;
    const int64_t k = __atomic_fetch_add(&slot.taken, 1, __ATOMIC_RELAXED);
    if (k >= chunks) break;
    const int64_t from = begin_of(s, part) + k * chunk;
    add_chunk(s, from, end - from < chunk ? end - from : chunk);
    any = true;
    if (__atomic_add_fetch(&slot.ready, 1, __ATOMIC_ACQ_REL) == chunks)
      for (int m = 0; m < s.size; m++) ring(s.members[m].memory);
  }
  return any;
}
bool complete(const Sum& s) {
  for (int part = 0; part < s.size; part++)
    if (__atomic_load_n(&slot_of(s.members[part], s.number).ready, __ATOMIC_ACQUIRE) < chunks_of(s, part)) return false;
  return true;
}

}  // namespace nabla::mpi::shared
#endif
