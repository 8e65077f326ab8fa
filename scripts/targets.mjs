// What is compiled, with which flags. Every kernels/*.cpp is compiled once for each instruction set
// of a build, with NABLA_ISA naming its namespace, except the files of `once`, which are compiled a
// single time and see NABLA_HAVE_<ISA> for each instruction set that the build holds.
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
export const jobs = availableParallelism()

/** Compiled a single time, and only into the builds named. */
const once = {
  'threads.cpp': ['node', 'test', 'wasm', 'wasm-part', 'wasm-threads'],
  'binding_node.cpp': ['node'],
  'binding_mpi.cpp': ['node'],
  'mpi.cpp': ['node', 'test'],
  'mpi_shared.cpp': ['node', 'test'],
  'binding_wasm.cpp': ['wasm', 'wasm-threads'],
}

/**
 * Compiled with lanes of 32 bits only. All others are compiled a second time for each instruction set, with lanes of 64
 * bits (kernels/simd.h), in the namespace <ISA>_wide: the instructions of float64, int64 and the other dtypes that the core
 * does not serve.
 */
export const narrow = [
  'attention.cpp',
  'bf16.cpp',
  'conv_flat.cpp',
  'conv_images.cpp',
  'conv_product.cpp',
  'conv_tile.cpp',
  'conv_winograd.cpp',
  'flat_copy.cpp',
  'matmul_half.cpp',
  'pool_fast.cpp',
  'quantized.cpp',
]

/** `cpu` lists the flags of /proc/cpuinfo that a processor needs to run the code. */
export const isas = {
  avx512: {
    archs: ['x64'],
    flags: [
      '-mavx512f',
      '-mavx512dq',
      '-mavx512bw',
      '-mavx512vl',
      '-mavx2',
      '-mfma',
      '-mf16c',
      '-mprefer-vector-width=512',
    ],
    cpu: ['avx512f', 'avx512dq', 'avx512bw', 'avx512vl', 'avx2', 'fma', 'f16c'],
  },
  avx2: { archs: ['x64'], flags: ['-mavx2', '-mfma', '-mf16c'], cpu: ['avx2', 'fma', 'f16c'] },
  base: { archs: ['x64', 'ia32', 'riscv64', 'ppc64', 's390x', 'loong64'], flags: [], cpu: [] },
  neon: { archs: ['arm64'], flags: [], cpu: [] },
}

export const isasOf = (arch) => Object.keys(isas).filter((isa) => isas[isa].archs.includes(arch))

/** The first of them for which a compiler that was asked with -march=native defines every macro. */
export const bestIsa = (names, macros) =>
  names.find((isa) =>
    isas[isa].cpu.every((flag) => macros.includes(`#define __${flag.toUpperCase()}__ `)),
  )

/** Names and contents of the files of a folder, sorted. */
export const readSources = (folder, pattern) =>
  readdirSync(`${root}/${folder}`)
    .filter((file) => pattern.test(file))
    .sort()
    .flatMap((file) => [file, readFileSync(`${root}/${folder}/${file}`)])

/** Files of the addon that compile in half the time so, and are as fast. Clang has no such option, and would say so each time. */
const lighter = {
  'codegen.cpp': ['-O1'],
  'gemv.cpp': ['-fno-unswitch-loops', '-Wno-ignored-optimization-argument'],
}
/**
 * For the WebAssembly core, which pages load: smaller, and no slower. What validates runs once a program. Products are computed in
 * the order in which they are written: clang would load all rows of a tile first, for which V8's 15 registers do not do.
 */
const lighterWasm = {
  'copy.cpp': ['-O2'],
  'fused_lanes.cpp': ['-fno-unroll-loops'],
  'fused_validate.cpp': ['-Os'],
  'gemm.cpp': ['-mllvm', '-pre-RA-sched=source'],
  'gemv.cpp': ['-O2'],
  'index.cpp': ['-O2'],
}
/** Copies with lanes of 64 bits that take half the time to compile so, for operations that few programs use in float64 or int64. */
const lighterWide = Object.fromEntries(
  ['copy', 'gemv', 'index', 'order', 'sparse', 'taps'].map((name) => [`${name}.cpp`, ['-O2']]),
)
/** Lanes of 64 bits compute what is written and nothing fused beside it, so that machine code gives the same bits. */
const asWritten = { 'fused_lanes.cpp': ['-ffp-contract=off'] }

export const cxxFlags = [
  '-std=c++20',
  '-O3',
  '-fno-exceptions',
  '-fno-rtti',
  '-fno-math-errno',
  '-ffp-contract=fast',
  '-fvisibility=hidden',
  '-Wall',
  '-Wextra',
  '-Wno-psabi',
]

const wasmFlags = [
  ...cxxFlags,
  '--target=wasm32',
  '-nostdlib',
  '-nostdlibinc',
  '-ffreestanding',
  '-msimd128',
  '-mbulk-memory',
  '-mnontrapping-fptoint',
  '-msign-ext',
]
const relaxed = ['-mrelaxed-simd']
const threads = ['-matomics', '-DNABLA_WASM_THREADS=1']
const wasmLink = [
  '--target=wasm32',
  '-nostdlib',
  '-fuse-ld=lld',
  '-Wl,--no-entry',
  '-Wl,--import-memory',
  '-Wl,--export=__heap_base',
  '-Wl,--strip-all',
  '-Wl,--gc-sections',
]
// The stack comes first, so that running over its end traps instead of overwriting data.
const coreLink = [...wasmLink, '-Wl,--stack-first', '-Wl,-z,stack-size=262144']
// Each worker has an instance of its own over the shared memory, and a stack of its own in it.
const threadsLink = [
  ...coreLink,
  '-Wl,--shared-memory',
  '-Wl,--max-memory=4294967296',
  '-Wl,--export=__stack_pointer',
]

export const wasmFolder = 'src/backends/cpu/wasm'
/** The parts of kernels/parts.h after the core, in its order, and the memory for the data and the stack of each. */
export const wasmParts = [
  'order',
  'recurrent',
  'wide',
  'linalg',
  'attention',
  'quantized',
  'sparse',
]
const partsBegin = 1 << 20
const partBytes = 1 << 19
/** Where a part's memory ends; `__heap_base` of its file may not lie after it. */
export const partEnd = (part) => partsBegin + part * partBytes
const partLink = (part) => [
  ...wasmLink,
  `-Wl,--global-base=${partsBegin + part * partBytes}`,
  '-Wl,-z,stack-size=131072',
  '-Wl,--export=__heap_base',
]

export const wasmBuilds = Object.fromEntries(
  [
    ['simd', 'wasm', wasmFlags],
    ['relaxed', 'wasm_relaxed', [...wasmFlags, ...relaxed]],
  ].flatMap(([name, isa, flags]) => [
    [`nabla-${name}`, { kind: 'wasm', part: 0, objects: name, isa, flags, link: coreLink }],
    ...wasmParts.map((part, i) => [
      `nabla-${name}-${part}`,
      { kind: 'wasm-part', part: i + 1, objects: name, isa, flags, link: partLink(i) },
    ]),
    [
      `nabla-${name}-threads`,
      {
        kind: 'wasm-threads',
        objects: `${name}-threads`,
        isa,
        flags: [...flags, ...threads],
        link: threadsLink,
      },
    ],
  ]),
)

/** The files that differ between the parts of kernels/parts.h. */
const differ = ['vm.cpp', 'binding_wasm.cpp']

/** The sources of a build as compile steps: `{ source, name, flags }`; `part` of kernels/parts.h, all unless given. */
export function steps(kind, isaFlags, part) {
  const names = Object.keys(isaFlags)
  const have = names.map((isa) => `-DNABLA_HAVE_${isa.toUpperCase()}=1`)
  const list = []
  for (const file of readdirSync(`${root}/kernels`).sort()) {
    if (!file.endsWith('.cpp')) continue
    const source = `kernels/${file}`
    const own = part !== undefined && differ.includes(file)
    const stem = file.slice(0, -4) + (own ? `-part${part}` : '')
    const partFlags = own ? [`-DNABLA_PART=${part}`] : []
    if (!(file in once)) {
      for (const isa of names) {
        const add = (name, lanes, other) =>
          list.push({
            source,
            name: `${stem}-${name}`,
            flags: [
              `-DNABLA_ISA=${name}`,
              `-DNABLA_LANES=${lanes}`,
              ...other,
              ...isaFlags[isa],
              ...((kind === 'node'
                ? lighter[file]
                : kind.startsWith('wasm') && lighterWasm[file]) || []),
              ...partFlags,
            ],
          })
        add(isa, 32, [`-DNABLA_WIDE=${isa}_wide`])
        if (!narrow.includes(file))
          add(`${isa}_wide`, 64, [
            `-DNABLA_CORE=${isa}`,
            ...(asWritten[file] ?? []),
            ...((kind === 'node' && lighterWide[file]) || []),
          ])
      }
    } else if (once[file].includes(kind))
      list.push({ source, name: stem, flags: [...have, ...partFlags] })
  }
  return list
}
