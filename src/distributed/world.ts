/** The ranks of this run: started once, by MPI or as the only process. */
import { fstatSync, readFileSync } from 'node:fs'
import { availableParallelism, cpus, hostname } from 'node:os'
import { setNumThreads } from '../backends/registry.js'
import { BackendError, NablaError, ValueError } from '../core/errors.js'
import { kinds, oneOf, readArguments, showValue } from '../core/options.js'
import { ends, isAlone, type Library, launcher, openLibrary } from './library.js'
import { Monitor } from './monitor.js'

/** Work with other ranks that went wrong: they ask for something else, do not come, or are gone. */
export class DistributedError extends NablaError {}

export interface ProcessGroupOptions {
  /** 'mpi': through an MPI library even where this process is alone. Unless given it is used where a launcher started the process. */
  backend?: 'mpi' | undefined
  /** Seconds that ranks wait for each other in one operation, 1800 as in PyTorch. */
  timeout?: number
  /** Seconds of silence after which a rank counts as lost, 15; 0: never. A rank that is busy computing is not silent. */
  heartbeat?: number
  /** Seconds until all ranks must have started, 300. */
  startTimeout?: number
  /**
   * Ranks of one host add up in memory that they share, where they can; on unless NABLA_SHARED_MEMORY is 0. Else all goes through MPI.
   * With NABLA_DEBUG=1 the first rank says when they cannot.
   */
  sharedMemory?: boolean
}
const groupPlaces = { backend: oneOf('mpi') }
const groupNames = {
  timeout: kinds.number,
  heartbeat: kinds.number,
  startTimeout: kinds.number,
  sharedMemory: kinds.flag,
}

/** Some ranks that work together; the group of all of them is the default everywhere. */
export class ProcessGroup {
  /** Its number in the addon. */
  readonly id: number
  /** Of this process in the group; -1: it is no member. */
  readonly rank: number
  readonly size: number
  /** Ranks of all by rank in the group. */
  readonly ranks: readonly number[]
  constructor(id: number, rank: number, ranks: readonly number[]) {
    this.id = id
    this.rank = rank
    this.size = ranks.length
    this.ranks = ranks
  }
}

interface World {
  all: ProcessGroup
  /** Undefined where this process is alone. */
  library: Library | undefined
  monitor: Monitor | undefined
  /** Steps that were marked. */
  step: number
}
let world: World | undefined
/** MPI can be started once in a process. */
let ended = false

const ownVersion = (): string => {
  try {
    return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
  } catch {
    return 'unknown'
  }
}

/**
 * Starts the work of several processes. Under `mpirun` or `srun` they are its ranks; a process that nobody started so is
 * the only one, rank 0 of 1, and needs no MPI. PyTorch: torch.distributed.init_process_group.
 * @throws BackendError without an MPI library where one is needed; DistributedError when the launcher and the library are
 * not of one installation, when the launcher cannot reach the process, or ranks have different versions of nabla
 */
export function initProcessGroup(
  ...args: [backend?: 'mpi' | ProcessGroupOptions, options?: ProcessGroupOptions]
): void {
  const op = 'initProcessGroup'
  const o = readArguments<ProcessGroupOptions>(op, args, groupPlaces, 0, groupNames)
  const { timeout = 1800, heartbeat = 15, startTimeout = 300 } = o
  const { sharedMemory = process.env.NABLA_SHARED_MEMORY !== '0' } = o
  if (!(timeout > 0) || !(heartbeat >= 0) || !(startTimeout > 0))
    throw new ValueError({
      op,
      rule: 'timeout and startTimeout must be above 0, heartbeat 0 (never) or above',
      got: `timeout ${timeout}, startTimeout ${startTimeout}, heartbeat ${heartbeat}`,
    })
  if (world || ended)
    throw new ValueError({
      op,
      rule: 'processes are joined once in a run',
      got: ended ? 'a call after destroyProcessGroup' : 'a second call',
    })
  const started = launcher()
  if (isAlone(started) && o.backend !== 'mpi') {
    world = { all: new ProcessGroup(0, 0, [0]), library: undefined, monitor: undefined, step: -1 }
    return
  }
  requireLauncher(op)
  // Without Open MPI's launcher its library would look for the program orted, and end the process where there is none.
  if (started?.name !== 'Open MPI') process.env.OMPI_MCA_ess_singleton_isolated ??= '1'
  // UCX, by which MPICH and Open MPI may talk, otherwise watches malloc's memory behind the back of V8's threads, and takes
  // the signals by which V8 notices that WebAssembly leaves its memory.
  process.env.UCX_MEM_EVENTS ??= 'no'
  process.env.UCX_ERROR_SIGNALS ??= ''
  const library = openLibrary(op)
  const { mpi } = library
  const found = mpi.start(timeout, heartbeat, startTimeout, sharedMemory ? 1 : 0)
  if (typeof found === 'string')
    throw new BackendError({
      op,
      rule: `${library.version} must start`,
      got: found,
      ...(/threads/.test(found) && { fix: 'Install an MPI library that was built with threads.' }),
    })
  const [rank, size, , unshared] = found
  if (unshared && rank === 0 && process.env.NABLA_DEBUG)
    process.stderr.write(
      `nabla: [${op}] ranks add through MPI, not in shared memory: ${unshared}\n`,
    )
  if (started && (started.atLeast ? size < started.size : size !== started.size)) {
    mpi.finish(1)
    ended = true
    throw new DistributedError({
      op,
      rule: `the launcher (${started.name}: ${started.variable}=${started.size}) and the MPI library must be of one installation`,
      got: `${size === 1 ? 'a world of this process alone' : `a world of ${size}`} by ${library.version} (${library.file})`,
      fix:
        started.name === 'Slurm'
          ? 'Start by srun --mpi=pmix (or pmi2), as your MPI supports it; for one process in a batch script unset SLURM_NTASKS.'
          : `Start by the mpirun of ${library.abi} (Debian: mpirun.${library.abi === 'MPICH' ? 'mpich' : 'openmpi'}), or name the launcher's library by NABLA_MPI.`,
    })
  }
  const all = new ProcessGroup(
    0,
    rank,
    Array.from({ length: size }, (_, i) => i),
  )
  world = { all, library, monitor: undefined, step: -1 }
  process.on('exit', leave)
  process.on('uncaughtExceptionMonitor', tellOthers)
  // Ranks that run something else are refused before anything else is done.
  const [mpiVersion = ''] = library.version.replace(/\s+/g, ' ').split(',', 1)
  compare(`nabla ${ownVersion()} over ${mpiVersion}`, all, op)
  if (size === 1) return
  shareCores()
  world.monitor = Monitor.start(mpi, rank, size, hostname())
  // Nobody dies before all see who does.
  compare(op, all)
  // Programs that handle it themselves go on to.
  if (world.monitor && process.listenerCount('SIGTERM') === 0) mpi.signals(world.monitor.died)
}

/**
 * MPICH's launcher and Slurm's pmi2 talk to their ranks through an open file, which a program in between, as npx is, may have closed.
 * MPICH would end the process.
 */
function requireLauncher(op: string): void {
  const { PMI_FD, PMI_PORT } = process.env
  if (!PMI_FD || PMI_PORT) return
  try {
    if (fstatSync(Number(PMI_FD)).isSocket()) return
  } catch {
    // It is closed.
  }
  throw new DistributedError({
    op,
    rule: 'the launcher must reach this process through the file that it has opened for it',
    got: `PMI_FD=${PMI_FD}, which a program in between (npx, npm run) has closed`,
    fix: "Start node_modules/.bin/nabla, or node and your program, without npx; or give MPICH's mpirun the option -pmi-port.",
  })
}

/** Ranks of one machine share its cores, unless something says how many threads there are, or gives each rank its own cores. */
function shareCores(): void {
  const { OMPI_COMM_WORLD_LOCAL_SIZE, MPI_LOCALNRANKS, SLURM_NTASKS_PER_NODE } = process.env
  const here = Number(OMPI_COMM_WORLD_LOCAL_SIZE ?? MPI_LOCALNRANKS ?? SLURM_NTASKS_PER_NODE)
  if (process.env.NABLA_THREADS || !(here > 1) || availableParallelism() < cpus().length) return
  setNumThreads(Math.max(1, Math.min(64, Math.floor(availableParallelism() / here))))
}

/** Compares what all ranks say in words. @throws DistributedError that names two sides */
export function compare(about: string, group = theWorld('compare').all, op = about): void {
  const { library } = theWorld('compare')
  if (library && group.size > 1) finishOrder(post('compare', kindCodes.barrier, group, about), op)
}

/** The numbers of kernels/mpi.h. */
export const kindCodes = {
  allReduce: 0,
  broadcast: 1,
  allGather: 2,
  reduceScatter: 3,
  gather: 4,
  scatter: 5,
  allToAll: 6,
  barrier: 7,
  split: 8,
  send: 9,
  recv: 10,
} as const
const nothing = new Uint8Array(0)

function post(
  op: string,
  kind: number,
  group: ProcessGroup,
  about: string,
  peer = 0,
  tag = 0,
): number {
  return theWorld(op).library!.mpi.post(
    kind,
    group.id,
    0,
    0,
    peer,
    tag,
    0,
    0,
    nothing,
    nothing,
    cut(about),
  )
}
/** As many bytes as the addon takes. */
export const cut = (text: string): string => text.replace(/[^ -~]/g, '?').slice(0, 250)

/** Waits for a request; gives its result. @throws DistributedError */
export function finishOrder(request: number, op: string): number {
  return resultOf(theWorld(op).library!.mpi.wait(request), op)
}
export function resultOf(result: number | string, op: string): number {
  if (typeof result === 'number') return result
  throw new DistributedError({ op: op.split(' ', 1)[0]!, rule: result })
}

/** @throws ValueError before initProcessGroup and after destroyProcessGroup */
export function theWorld(op: string): World {
  if (world) return world
  if (ended)
    throw new ValueError({
      op,
      rule: 'ranks work together until destroyProcessGroup()',
      got: 'a call after it',
      fix: 'Call it at the end of the program.',
    })
  throw new ValueError({
    op,
    rule: 'initProcessGroup() must come first',
    got: 'no process group',
    fix: "import { initProcessGroup } from 'nabla/distributed', and call it at the beginning of the program.",
  })
}
/** The group that is meant. @throws ValueError where this process is no member */
export function groupOf(op: string, group: ProcessGroup | null | undefined): ProcessGroup {
  const { all } = theWorld(op)
  const own = group ?? all
  if (own.rank < 0)
    throw new ValueError({
      op,
      rule: 'only members of a group work in it',
      got: `rank ${all.rank}, and a group of ranks ${own.ranks.join(', ')}`,
    })
  return own
}

export const isInitialized = (): boolean => world !== undefined
/** The rank of this process in the group; -1 outside of it. PyTorch: get_rank. */
export function getRank(group?: ProcessGroup): number {
  return (group ?? theWorld('getRank').all).rank
}
/** How many ranks the group has; -1 outside of it. PyTorch: get_world_size. */
export function getWorldSize(group?: ProcessGroup): number {
  const own = group ?? theWorld('getWorldSize').all
  return own.rank < 0 ? -1 : own.size
}
/** Rank of all of a rank of the group. PyTorch: get_global_rank. */
export const getGlobalRank = (group: ProcessGroup, rank: number): number => group.ranks[rank] ?? -1

/**
 * A group of some ranks. All ranks call this, with the same list, whether they are in it or not. PyTorch: new_group.
 * @throws ValueError for ranks that do not exist or come twice
 */
export function newGroup(ranks?: readonly number[]): ProcessGroup {
  const op = 'newGroup'
  const { all, library } = theWorld(op)
  const list = ranks ?? all.ranks
  if (
    !Array.isArray(list) ||
    list.length === 0 ||
    new Set(list).size !== list.length ||
    !list.every((r) => Number.isInteger(r) && r >= 0 && r < all.size)
  )
    throw new ValueError({
      op,
      rule: `a group has ranks from 0 to ${all.size - 1}, each once`,
      got: showValue(list),
    })
  const place = list.indexOf(all.rank)
  if (!library) return new ProcessGroup(0, place, list)
  const request = post(
    op,
    kindCodes.split,
    all,
    `newGroup [${list.join(', ')}]`,
    place < 0 ? -1 : 0,
    Math.max(0, place),
  )
  return new ProcessGroup(finishOrder(request, op), place, list)
}

/** Tells what step is being made: errors and the messages of other ranks name it. Training loops of nabla do so. */
export function markStep(step: number): void {
  if (!world || world.step === step) return
  world.step = step
  world.library?.mpi.mark(step)
}
export const nextStep = (): void => markStep((world?.step ?? -1) + 1)

/** All ranks leave together. PyTorch: destroy_process_group. */
export function destroyProcessGroup(): void {
  const { library, monitor } = theWorld('destroyProcessGroup')
  if (library && library.mpi.finish(0) !== ends.finalized)
    process.on('exit', (code) => library.mpi.quit(code))
  monitor?.end()
  world = undefined
  ended = true
}

/** A rank that throws tells the others what and when, before it goes. */
function tellOthers(error: unknown): void {
  if (error instanceof DistributedError) return
  const [first = ''] = `${error instanceof Error ? error.message : String(error)}`.split('\n', 1)
  giveUp('failed', `: ${first}`)
}
/** For programs that catch their errors themselves. */
export const reportFailure = tellOthers

let givenUp = false
function giveUp(what: string, why = ''): void {
  if (!world?.library || givenUp) return
  givenUp = true
  const { all, step, library, monitor } = world
  const when = step < 0 ? 'before its first step' : `at step ${step}`
  const text = cut(`rank ${all.rank} of ${all.size} ${what} ${when}${why}`)
  monitor?.fail(text)
  library.mpi.fail(text)
}

function leave(code: number): void {
  if (!world?.library) return
  if (code !== 0) giveUp(`ended with exit code ${code}`)
  const { library, monitor } = world
  const end = library.mpi.finish(code === 0 ? 0 : 1)
  const why = code === 0 && end === ends.lost ? library.mpi.failure() : ''
  if (why) {
    // The launcher may end the rank that has failed before it says so.
    monitor?.fail(why)
    process.stderr.write(
      `nabla: [distributed] rank ${world.all.rank} ends with the others: ${why}\n`,
    )
  }
  monitor?.end()
  // The thread that hangs in the library would be torn out of it by what ends the process otherwise.
  if (end !== ends.finalized) library.mpi.quit(end === ends.lost ? code || 1 : code)
}
