/**
 * Says which rank died, and at which step, when a process is killed so that it cannot say it itself. Launchers differ: one
 * names the rank, another ends all processes within a millisecond. A small shell outlives the rank: it sees the end of a
 * pipe, and which of the ranks of this host was the first.
 */
import { spawn } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Mpi } from './library.js'

// $1: what this rank is called; $2: the file with its step, which is gone when all is well; $3: the file of the first that
// dies; $4: the launchers above it on this host. After a failure they end themselves, unless they wait for a host that the network
// does not reach any more: they are ended once no rank is left below them.
const script = `
trap '' HUP INT TERM
ranks_left() {
  for p in /proc/[0-9]*; do
    while read -r key parent; do
      [ "$key" = PPid: ] || continue
      case " $1 " in *" $parent "*) grep -qaE '(OMPI_COMM_WORLD_RANK|PMI_RANK)=' $p/environ && return 0;; esac
    done < $p/status
  done 2>/dev/null
  return 1
}
end_launchers() {
  [ "$1" ] || return 0
  for i in 1 2 3 4 5 6 7 8 9 10; do
    sleep 1
    [ $i -ge 3 ] && ! ranks_left "$1" || continue
    for p in $1; do
      kill -s KILL $p 2>/dev/null && echo "nabla: [distributed] the launcher (process $p) waited for hosts that are out of reach, and is ended" >&2
    done
    return 0
  done
}
read -r x
[ -f "$2" ] || { [ -f "$3" ] && end_launchers "$4" && sleep 5 && rm -f "$3"; exit; }
read -r when < "$2"
set -C
if { echo "$1 died $when" > "$3"; } 2>/dev/null
then echo "nabla: [distributed] $1 died $when" >&2; rm -f "$2"; end_launchers "$4"; sleep 5; rm -f "$3"
else read -r who < "$3"; echo "nabla: [distributed] $1 is ended $when: $who" >&2; rm -f "$2"; end_launchers "$4"
fi
`
/** Processes above this one that are launchers of MPI, the nearest first; none where there is no /proc. */
function launchersAbove(): number[] {
  const found: number[] = []
  try {
    for (let pid = process.ppid; pid > 1; ) {
      const line = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const name = line.slice(line.indexOf('(') + 1, line.lastIndexOf(')'))
      if (/^(orted|prted|orterun|prterun|mpirun|mpiexec|hydra)/.test(name)) found.push(pid)
      pid = Number(line.slice(line.lastIndexOf(')') + 2).split(' ')[1])
    }
  } catch {
    // Not Linux.
  }
  return found
}

export class Monitor {
  private readonly path: string
  /** Names the first rank of this host that dies. */
  readonly died: string

  private constructor(path: string, died: string) {
    this.died = died
    this.path = path
  }

  /** Undefined where it cannot be: the launcher's own messages remain. */
  static start(mpi: Mpi, rank: number, size: number, host: string): Monitor | undefined {
    // Ranks of one job on one host have one parent, or their launchers are theirs alone.
    const { OMPI_MCA_ess_base_jobid, PMIX_NAMESPACE, SLURM_JOB_ID } = process.env
    const job = OMPI_MCA_ess_base_jobid ?? PMIX_NAMESPACE ?? SLURM_JOB_ID ?? process.ppid
    const path = join(tmpdir(), `nabla-${process.pid}-step`)
    const died = join(tmpdir(), `nabla-${job}-died`)
    try {
      if (!mpi.keep(path)) return undefined
      const name = `rank ${rank} of ${size} (host ${host}, process ${process.pid})`
      const child = spawn(
        '/bin/sh',
        ['-c', script, 'nabla', name, path, died, launchersAbove().join(' ')],
        {
          detached: true,
          // It is no rank.
          env: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
          stdio: ['pipe', 'ignore', 'inherit'],
        },
      )
      child.on('error', () => {})
      child.unref()
      child.stdin.on('error', () => {})
      ;(child.stdin as Socket).unref()
      return new Monitor(path, died)
    } catch {
      return undefined
    }
  }

  /** For the shells of the other ranks of this host. */
  fail(why: string): void {
    try {
      writeFileSync(this.died, `${why}\n`, { flag: 'wx' })
    } catch {
      // Another rank was the first.
    }
  }

  /** All is well, or the process has told itself what is not. */
  end(): void {
    rmSync(this.path, { force: true })
  }
}
