/** Finds the MPI library, which is opened at run time, and opens it by the native addon. */
import { existsSync, readlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { loadAddon } from '#platform'
import { BackendError } from '../core/errors.js'
import type { TypedArray } from '../core/dtype.js'

/** kernels/binding_mpi.cpp */
export interface Mpi {
  open(library: string): [openMpi: number, version: string] | string
  start(
    timeout: number,
    silence: number,
    startLimit: number,
    share: number,
  ): [rank: number, size: number, level: number, unshared: string] | string
  post(
    kind: number,
    group: number,
    type: number,
    op: number,
    peer: number,
    tag: number,
    alone: number,
    count: number,
    input: TypedArray,
    output: TypedArray,
    about: string,
  ): number
  room(group: number, bytes: number): ArrayBuffer | undefined
  done(request: number): boolean
  wait(request: number): number | string
  later(request: number): Promise<number | string>
  mark(step: number): void
  keep(path: string): boolean
  /** A file from which the notes of files that are closed in a folder are read, in their order; -1: there are none here. */
  notes(folder: string): number
  /** Why this rank cannot go on; empty: it can. */
  failure(): string
  signals(died: string): void
  fail(why: string): void
  finish(failed: number): End
  quit(code: number): never
}

/** How a process left MPI, as kernels/mpi.h has it: `agreed` when the library hangs, but after all ranks had agreed to leave. */
export const ends = { lost: 0, finalized: 1, agreed: 2 } as const
type End = (typeof ends)[keyof typeof ends]

export interface Launcher {
  name: 'Open MPI' | 'MPICH' | 'Slurm' | 'PMIx'
  /** How many ranks it says that it has started, and by which variable. */
  size: number
  variable: string
  /** It says no more than that there are so many, or more. */
  atLeast?: true
}

/** What started this process, by the variables that it sets; undefined for a lone process. */
export function launcher(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Launcher | undefined {
  for (const [variable, name] of [
    ['OMPI_COMM_WORLD_SIZE', 'Open MPI'],
    ['PMI_SIZE', 'MPICH'],
    ['SLURM_NTASKS', 'Slurm'],
  ] as const) {
    const size = Number(env[variable])
    if (env[variable] && Number.isInteger(size) && size > 0) return { name, size, variable }
  }
  // Hydra's -pmi-port names the ranks of this host only; others of PMIx's launchers none.
  for (const [variable, name] of [
    ['PMI_PORT', 'MPICH'],
    ['PMIX_RANK', 'PMIx'],
  ] as const)
    if (env[variable]) {
      const here = Number(env.MPI_LOCALNRANKS)
      const known = Number.isInteger(here) && here > 0
      const [size, from] = known ? [here, 'MPI_LOCALNRANKS'] : [1, variable]
      return { name, size, variable: from, atLeast: true }
    }
  return undefined
}

/** Is this process the only one, as far as its launcher says? */
export const isAlone = (started: Launcher | undefined): boolean =>
  !started || (started.size === 1 && !started.atLeast)

export type Abi = 'Open MPI' | 'MPICH'
/** The loader's names: of Open MPI 4 and 5; of MPICH and Intel MPI, of Debian's MPICH; on macOS. */
const names: Record<Abi, readonly string[]> = {
  'Open MPI':
    process.platform === 'darwin' ? ['libmpi.40.dylib', 'libmpi.dylib'] : ['libmpi.so.40'],
  MPICH:
    process.platform === 'darwin'
      ? ['libmpi.12.dylib', 'libmpich.12.dylib']
      : ['libmpi.so.12', 'libmpich.so.12'],
}

/** Folders of the launcher's own installation: beside the program that started this process. */
function launcherFolders(): string[] {
  let program: string | undefined
  try {
    program = readlinkSync(`/proc/${process.ppid}/exe`)
  } catch {
    // Not Linux, or the program of another user.
  }
  const roots = [process.env.OPAL_PREFIX, process.env.I_MPI_ROOT, process.env.MPI_HOME]
  if (program && /orted|mpirun|mpiexec|hydra|prte|prun/.test(program))
    roots.push(dirname(dirname(program)))
  return roots.flatMap((r) => (r ? [join(r, 'lib'), join(r, 'lib64'), join(r, 'lib/release')] : []))
}

/** What is tried, in order. */
export function candidates(started = launcher()): string[] {
  const chosen = process.env.NABLA_MPI
  if (chosen) return [chosen]
  const order: Abi[] = started?.name === 'MPICH' ? ['MPICH', 'Open MPI'] : ['Open MPI', 'MPICH']
  const wanted = order.flatMap((abi) => names[abi])
  // The system's own folders are the loader's business.
  const folders = launcherFolders().filter((f) => !/^\/(usr\/)?lib(64)?$/.test(f))
  return [...folders.flatMap((f) => wanted.map((n) => join(f, n))).filter(existsSync), ...wanted]
}

export interface Library {
  mpi: Mpi
  /** What was opened. */
  file: string
  abi: Abi
  version: string
}

const packages =
  'On Debian and Ubuntu: apt install openmpi-bin (or mpich); on Fedora: dnf install openmpi; on macOS: brew install open-mpi. NABLA_MPI names a library elsewhere.'

let opened: Library | undefined

/**
 * The MPI library of this process.
 * @throws BackendError where there is none, or no native addon to open it with
 */
export function openLibrary(op = 'initProcessGroup'): Library {
  if (opened) return opened
  const { addon, reason } = loadAddon()
  const mpi = (addon as { mpi?: Mpi } | undefined)?.mpi
  if (!mpi)
    throw new BackendError({
      op,
      rule: 'MPI is used by the native addon, on Linux and macOS',
      got: addon ? `an addon without it, on ${process.platform}` : `no addon (${reason})`,
    })
  const problems: string[] = []
  for (const file of candidates()) {
    const found = mpi.open(file)
    if (typeof found !== 'string') {
      opened = { mpi, file, abi: found[0] ? 'Open MPI' : 'MPICH', version: found[1] }
      return opened
    }
    problems.push(found)
  }
  throw new BackendError({
    op,
    rule: 'an MPI library must be installed',
    got: problems.join('; '),
    fix: packages,
  })
}

/** A line for `nabla info`. */
export function describeLibrary(): string {
  try {
    const { file, abi, version } = openLibrary('info')
    return `${version} (${file}, ABI of ${abi})`
  } catch {
    return 'none found (NABLA_MPI names a library)'
  }
}
