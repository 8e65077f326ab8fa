// Machine code for fused programs, made when a program is loaded. Where there is none (another processor, a system that
// forbids it, an operation that is not known here) the interpreter in fused.cpp runs the program; both give the same
// bits, but for the order of sums over several rows and over long ones.
#pragma once
#include "program.h"

namespace nabla {

// What the code is called with, for one row or for all lanes of a tile.
struct CodeArgs {
  char* tiles;                 // of values that one loop leaves for the next, and of scalars
  char* rows;                  // the same memory, from the row on
  const void* constants;
  int64_t blocks, vectors;     // bytes in whole blocks of four vectors, and in whole vectors
  int32_t tail;                // mask of the lanes that are left
  int32_t lanes[8];            // the mask again, -1 or 0 a lane, for AVX2
  static constexpr int STREAMS = 24;
  char* stream[STREAMS];       // inputs and outputs in memory
};

struct FusedCode {
  static constexpr int MAX_PORTS = 40, MAX_FIRST = 64;
  // The code; the second one writes large outputs past the caches, from addresses that are multiples of 64, or is null.
  void (*run[2])(const CodeArgs*);
  bool by_row;  // called row by row
  enum Kind : uint8_t { INPUT, OUTPUT, SUM, TILE };
  // The port that each stream belongs to; SUM adds to its accumulators, TILE is the tile itself.
  struct {
    Kind kind;
    uint8_t port;
  } stream[CodeArgs::STREAMS];
  int streams;
  // The tile that holds what an output gets, or -1: the code writes it.
  int tile_of[MAX_PORTS];
  // Instructions that the interpreter runs before.
  int first[MAX_FIRST], firsts;
  void* constants;
  void* memory;
  int64_t bytes;
  int64_t uses;  // instructions that run it
};

// For each instruction of a valid program its code or null; null when there is none at all. In the namespace of each
// instruction set:
#define NABLA_DECLARE_CODEGEN                                              \
  FusedCode** codegen(const int32_t* words, const ProgramInfo*);           \
  void codegen_free(FusedCode** list, const ProgramInfo*);

}  // namespace nabla
