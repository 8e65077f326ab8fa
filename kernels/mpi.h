// MPI, opened at run time: what binding_mpi.cpp calls. Compiled into the Node addon only.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace nabla::mpi {

enum Kind : int32_t { ALL_REDUCE, BROADCAST, ALL_GATHER, REDUCE_SCATTER, GATHER, SCATTER, ALL_TO_ALL, BARRIER, SPLIT, SEND, RECV };
enum Type : int32_t { FLOAT32, FLOAT64, FLOAT16, BFLOAT16, INT8, UINT8, INT32, INT64, BOOL, TYPES };
enum Op : int32_t { SUM, MEAN, MAX, MIN, PRODUCT, OPS };

constexpr int TEXT = 512;

// What a rank asks for. Counts are elements: of the whole for a sum or a broadcast, else of one rank's part.
struct Order {
  Kind kind;
  int32_t group;
  Type type;
  Op op;
  int32_t peer;  // the root, or the other side by its rank in the group; -1: any. Of SPLIT the colour.
  int32_t tag;   // of SPLIT the key
  bool alone;    // the program waits for it at once, and for nothing else
  int64_t count;
  void *in, *out;
  char about[TEXT / 2];  // what all ranks must ask for alike, in words
};

struct Found {
  bool open_mpi;  // handles are addresses; else MPICH's, which are numbers
  char version[256];
};

struct World {
  int rank, size, level;
};

// Each gives nullptr, or what went wrong.
const char* open(const char* library, Found* found);
// `share`: ranks of one host exchange what they add by memory that they share.
const char* start(World* world, double timeout, double silence, double start_limit, bool share);
// Why some ranks do not share memory; empty: all do.
const char* unshared();

// The number of the request, from 1 up, or 0 when memory is out.
int32_t post(const Order& order);
bool done(int32_t request);
// Waits; then the request is forgotten. `result`: the number of the new group of SPLIT (-1: none), or the sender of RECV.
// Gives nullptr, or the error, which the caller must free().
char* wait(int32_t request, int32_t* result);
// Memory that the ranks of a group share, in which what they add is not copied; nullptr where they have none. It is given back by
// shared::give.
namespace shared {
struct Room;
}
shared::Room* room(int32_t group, int64_t bytes);
// For errors, and for what other ranks are told.
void mark(int64_t step);
// The step that was marked last stands in this file too, which outlives the process, and which is closed when it ends.
bool keep_step(const char* path);
// A file from which the system's notes of files that are closed in a folder are read, in their order; -1: there are none.
int notes_of(const char* folder);
// Copies why this rank cannot go on; empty: it can.
void failure_of(char* text);
void limit(double timeout);
// A rank that is ended by SIGTERM says so, and what the file `died` says about another one.
void tell_signals(const char* died);
// Tells all ranks that this one cannot go on.
void fail(const char* why);
// Leaves MPI; with `failed` without waiting for the others. LOST: the library does not come back; AGREED: nor does it, but all
// ranks had agreed to leave, so nothing is missing.
enum End : int32_t { LOST, FINALIZED, AGREED };
End finish(bool failed);

}  // namespace nabla::mpi
