// Memory that the ranks of one host share: what each asks for, and buckets that all of them reach. Linux only.
//
// Each rank has a segment: a file without a name (memfd), which the others open as /proc/PROCESS/fd/FILE. So nothing is left behind
// however a process ends, and the size of /dev/shm, 64 MB in most containers, is no limit.
#pragma once
#include "mpi.h"
#include "system.h"

namespace nabla::mpi::shared {

// Operations of a group that may be under way at once, and groups of a rank.
constexpr int SLOTS = 64, BOARDS = 256;

// What a rank asks for, where the other members of the group see it.
struct alignas(CACHE_LINE) Slot {
  int64_t number;   // of the operation in its group, from 1 up; stored last
  int64_t hash, uid;
  int64_t in, out;  // where its elements lie and its results go, in bytes from the beginning of its segment; -1: elsewhere
  int32_t alone;
  char about[TEXT / 2];
  // Of this rank's part of the sum: chunks that somebody has taken, and that are there.
  alignas(CACHE_LINE) int64_t taken;
  alignas(CACHE_LINE) int64_t ready;
  // The operation for which its rank does not look at others' slots any more.
  alignas(CACHE_LINE) int64_t done;
};
struct Board {
  Slot slots[SLOTS];
};

// A member of a group, as this process sees it.
struct Member {
  Board* board;
  char* memory;  // its segment
};

// How a rank's segment is found.
struct Place {
  uint64_t host;   // ranks that have the same one may reach each other's memory; 0: none may
  int64_t process, file;
  uint64_t token;  // stands at the beginning of the segment
};

// The segment of this process; nullptr, or what went wrong.
const char* create(Place* place);
// The segment of another one, or of this one; nullptr where it cannot be had.
char* attach(const Place& place);
Board* board_of(char* segment, int index);

// Memory in this process's segment.
struct Room {
  char* at;
  int64_t bytes;
  char* from;
  Room* next;
};
Room* take(int64_t bytes);
void give(Room* room);
// From the beginning of the segment; -1 where it does not lie in it.
int64_t place_of(const void* at, int64_t bytes);

inline Slot& slot_of(const Member& m, int64_t number) { return m.board->slots[number % SLOTS]; }

// A sum, or another operation, of all members' elements.
struct Sum {
  const Member* members;
  int size;
  int64_t number, count;
  Type type;
  Op op;
};
// Adds up chunks of a member's part that nobody has taken yet; were there any?
bool add_part(const Sum& sum, int part);
// Are all parts there?
bool complete(const Sum& sum);

// Sleeps until another rank rings, or so many nanoseconds. `heard`: what `bell` gave before it was last looked whether there is
// anything to do; between the two calls of `sleepers`.
int32_t bell();
void sleepers(int more);
void sleep(int32_t heard, int64_t ns);
// Wakes a rank's sleepers, after what they wait for was stored.
void ring(char* segment);

}  // namespace nabla::mpi::shared
