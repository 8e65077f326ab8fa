/** Runs programs as ranks of Open MPI and of MPICH, on this machine. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { across, type Hosts, launchers } from '../../bench/hosts.mjs'

const here = dirname(fileURLToPath(import.meta.url))
export const programs = join(here, 'programs')
/** Of every rank: two cores are shared by all. */
const common = { NABLA_THREADS: '1', NABLA_QUIET: '1' }

export interface Implementation {
  name: string
  command: string
  args: string[]
  library: string
  key: 'openmpi' | 'mpich'
}
const all: Implementation[] = [
  { name: 'Open MPI', ...launchers.openmpi, library: 'libmpi.so.40', key: 'openmpi' },
  { name: 'MPICH', ...launchers.mpich, library: 'libmpich.so.12', key: 'mpich' },
]
const required = process.env.NABLA_TEST_REQUIRE_ALL === '1'
const there = ({ command }: Implementation) =>
  spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0
/** Those that this machine has; where all is required, both. */
export const implementations = required ? all : all.filter(there)

export interface Ran {
  code: number | null
  stdout: string
  stderr: string
  seconds: number
  /** What the ranks found (see programs/say.mjs), by rank. */
  ranks: Record<string, unknown>[]
}
/** One of several jobs of a run (see programs/jobs.mjs), as a run of its own. */
export const jobOf = (ran: Ran, job: number): Ran => ({
  ...ran,
  ranks: ran.ranks.filter((r) => r.job === job),
})
/** Jobs as arguments. */
export const joined = (jobs: readonly (readonly string[])[]): string[] =>
  jobs.flatMap((args, i) => (i === 0 ? args : ['then', ...args]))

interface How {
  env?: Record<string, string>
  timeout?: number
  /** One rank on each of these; else all on this machine. */
  hosts?: Hosts
  /** What comes on stdout, when it comes. */
  told?: (text: string) => void
}

/** A program on `n` ranks of an implementation; undefined: as a lone process. */
export async function ranks(
  mpi: Implementation | undefined,
  n: number,
  args: readonly string[],
  { env = {}, timeout = 120_000, hosts, told }: How = {},
): Promise<Ran> {
  const file = args[0]!.startsWith('/') ? args[0]! : join(programs, args[0]!)
  if (!existsSync(file)) throw new Error(`there is no ${file}`)
  const folder = mkdtempSync(join(tmpdir(), 'nabla-found-'))
  // Not every launcher gives its environment to the ranks of another host.
  const own = ['env', `NABLA_TEST_FOUND=${folder}`, process.execPath, file, ...args.slice(1)]
  const [command, ...rest] = !mpi
    ? own
    : hosts
      ? across(hosts, mpi.key, own)
      : [mpi.command, ...mpi.args, '-n', `${n}`, ...own]
  const start = performance.now()
  const child = spawn(command!, rest, {
    env: { ...process.env, ...common, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (d) => {
    stdout += d
    told?.(stdout)
  })
  child.stderr.on('data', (d) => (stderr += d))
  const timer = setTimeout(() => child.kill('SIGKILL'), timeout)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  clearTimeout(timer)
  const found = readdirSync(folder)
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  rmSync(folder, { recursive: true })
  found.sort((a, b) => Number(a.rank) - Number(b.rank))
  return { code, stdout, stderr, seconds: (performance.now() - start) / 1000, ranks: found }
}
