/**
 * Says which rank died, and at which step, when a process is killed so that it cannot say it itself. Launchers differ: one
 * names the rank, another ends all processes within a millisecond. A small shell outlives the rank: it sees that its file is
 * closed, and which of the ranks of this host was the first.
 */
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Mpi } from './library.js'

// $1: this rank's file in the folder $2, RANK-PROCESS, with its step, which is gone when all is well; $3: the file of the first that
// dies; $4: the launchers above it on this host; $5: how many ranks; $6: the host. After a failure launchers end themselves, unless they
// wait for a host that the network does not reach any more: they are ended once no rank is left below them.
//
// What it reads are the system's notes of files that were closed, in the order in which that happened: shells may be late, and run in any
// order, but all know who died first. Where there are no such notes it is the end of a pipe, and the first shell to run says that
// its rank was the first.
const script = `
trap '' HUP INT TERM PIPE
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
      kill -0 $p 2>/dev/null || continue
      { echo "nabla: [distributed] the launcher (process $p) waited for hosts that are out of reach, and is ended" > /proc/$p/fd/2; } 2>/dev/null
      kill -s KILL $p
    done
    return 0
  done
}
size=$5 host=$6
name() { echo "rank \${1%-*} of $size (host $host, process \${1#*-})"; }
dead=
while :; do
  more=$(dd bs=65536 count=1 2>/dev/null | tr '\\000' '\\n' | grep -aE '^[0-9]+-[0-9]+$' | tr '\\n' ' ')
  dead="$dead $more"
  case "$more" in '') dead="$dead $1 ";; esac
  case "$dead " in *" $1 "*) break;; esac
done
mine="$2/$1"
clean() { sleep 5; rm -f "$3"; rmdir "$2"; }
[ -f "$mine" ] || {
  exec 2>/dev/null
  [ -f "$3" ] && end_launchers "$4" && clean "$@"
  rmdir "$2"
  exit
}
read -r when < "$mine"
# The others' files are there until somebody has said who was the first.
first=$1
for f in $dead; do [ -f "$2/$f" ] && { first=$f; break; }; done
read -r last < "$2/$first" || last=$when
set -C
{ echo "$(name $first) died $last" > "$3"; } 2>/dev/null && made=1
set +C
read -r who < "$3"
if [ "$who" = "$(name $1) died $when" ]
then echo "nabla: [distributed] $who" >&2
else echo "nabla: [distributed] $(name $1) is ended $when: $who" >&2
fi
rm -f "$mine"
# The launcher waits for the end of what ranks write.
exec 2>/dev/null
end_launchers "$4"
[ "$made" ] && clean "$@"
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
    const folder = join(tmpdir(), `nabla-${process.getuid?.() ?? ''}-${job}`)
    const died = `${folder}-died`
    const name = `${rank}-${process.pid}`
    const path = join(folder, name)
    try {
      mkdirSync(folder, { recursive: true })
      // Of another job with this number.
      rmSync(died, { force: true })
      if (!mpi.keep(path)) return undefined
      const notes = mpi.notes(folder)
      const child = spawn(
        '/bin/sh',
        ['-c', script, 'nabla', name, folder, died, launchersAbove().join(' '), `${size}`, host],
        {
          detached: true,
          // It is no rank.
          env: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
          stdio: [notes < 0 ? 'pipe' : notes, 'ignore', 'inherit'],
        },
      )
      if (notes >= 0) closeSync(notes)
      child.on('error', () => {})
      child.unref()
      child.stdin?.on('error', () => {})
      ;(child.stdin as Socket | null)?.unref()
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
