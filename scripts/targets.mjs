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
  'threads.cpp': ['node', 'test', 'wasm', 'wasm-threads'],
  'binding_node.cpp': ['node'],
  'binding_wasm.cpp': ['wasm', 'wasm-threads'],
}

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
      '-mprefer-vector-width=512',
    ],
    cpu: ['avx512f', 'avx512dq', 'avx512bw', 'avx512vl', 'avx2', 'fma'],
  },
  avx2: { archs: ['x64'], flags: ['-mavx2', '-mfma'], cpu: ['avx2', 'fma'] },
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

/** Makes machine code of programs when they are loaded: in the addon -O1 is as fast there, and compiles in half the time. */
const lighter = { 'codegen.cpp': ['-O1'] }

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
// The stack comes first, so that running over its end traps instead of overwriting data.
const wasmLink = [
  '--target=wasm32',
  '-nostdlib',
  '-fuse-ld=lld',
  '-Wl,--no-entry',
  '-Wl,--import-memory',
  '-Wl,--export=__heap_base',
  '-Wl,--strip-all',
  '-Wl,--gc-sections',
  '-Wl,--stack-first',
  '-Wl,-z,stack-size=262144',
]
// Each worker has an instance of its own over the shared memory, and a stack of its own in it.
const threadsLink = [
  '-Wl,--shared-memory',
  '-Wl,--max-memory=4294967296',
  '-Wl,--export=__stack_pointer',
]

export const wasmFolder = 'src/backends/cpu/wasm'
export const wasmBuilds = {
  'nabla-simd': { kind: 'wasm', isa: 'wasm', flags: wasmFlags, link: wasmLink },
  'nabla-relaxed': {
    kind: 'wasm',
    isa: 'wasm_relaxed',
    flags: [...wasmFlags, ...relaxed],
    link: wasmLink,
  },
  'nabla-simd-threads': {
    kind: 'wasm-threads',
    isa: 'wasm',
    flags: [...wasmFlags, ...threads],
    link: [...wasmLink, ...threadsLink],
  },
  'nabla-relaxed-threads': {
    kind: 'wasm-threads',
    isa: 'wasm_relaxed',
    flags: [...wasmFlags, ...relaxed, ...threads],
    link: [...wasmLink, ...threadsLink],
  },
}

/** The sources of a build as compile steps: `{ source, name, flags }`. */
export function steps(kind, isaFlags) {
  const names = Object.keys(isaFlags)
  const have = names.map((isa) => `-DNABLA_HAVE_${isa.toUpperCase()}=1`)
  const list = []
  for (const file of readdirSync(`${root}/kernels`).sort()) {
    if (!file.endsWith('.cpp')) continue
    const source = `kernels/${file}`
    const stem = file.slice(0, -4)
    if (!(file in once)) {
      for (const isa of names)
        list.push({
          source,
          name: `${stem}-${isa}`,
          flags: [
            `-DNABLA_ISA=${isa}`,
            ...isaFlags[isa],
            ...((kind === 'node' && lighter[file]) || []),
          ],
        })
    } else if (once[file].includes(kind)) list.push({ source, name: stem, flags: have })
  }
  return list
}
