/**
 * Machines for the launchers of MPI, on this one: network namespaces with names of their own, joined by a cable that can be cut, or
 * that has a latency and a rate. Linux, as root, with iproute2.
 */
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** @param {string} command @param {string[]} args */
function run(command, ...args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: 30_000,
  })
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr ?? stdout}`)
  return stdout
}
/** @param {string[]} args */
const ip = (...args) => run('ip', ...args)
/** @param {string} name @param {string} text */
const script = (name, text) => {
  writeFileSync(name, `#!/bin/sh\n${text}\n`)
  chmodSync(name, 0o755)
}
/** @param {number} ms */
const pause = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

let made = 0
const tcp = { tcp_congestion_control: 'reno', tcp_slow_start_after_idle: 0, tcp_no_metrics_save: 1 }

export class Hosts {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  relay

  /** @param {{ latency?: number, rate?: number }} [cable] Seconds, and bytes a second, each way. */
  constructor(cable) {
    this.folder = mkdtempSync(join(tmpdir(), 'nabla-hosts-'))
    /** What takes the place of ssh: `agent HOST COMMAND...` */
    this.agent = join(this.folder, 'agent')
    /** Runs what follows with a folder of its host for temporary files and for stderr. */
    this.rank = join(this.folder, 'rank')
    const number = made++
    this.names = [1, 2].map((i) => `nabla${process.pid}x${number}n${i}`)
    /** How the cable is made slow. */
    this.how = 'as it is'
    const subnet = `10.99.${(process.pid + number) % 250}`
    const known = this.names.map((name, i) => `${subnet}.${i + 1} ${name}\n`).join('')
    try {
      for (const name of this.names) {
        ip('netns', 'add', name)
        ip('-n', name, 'link', 'set', 'lo', 'up')
        // TCP as clusters have it, whatever this machine has: no estimate of the rate that changes with what was sent before, and no
        // slow start after each pause to compute.
        for (const [file, value] of Object.entries(tcp))
          ip('netns', 'exec', name, 'sh', '-c', `echo ${value} >/proc/sys/net/ipv4/${file} || true`)
        mkdirSync(join(this.folder, name))
        // ip netns exec puts it in the place of /etc/hosts.
        mkdirSync(`/etc/netns/${name}`, { recursive: true })
        writeFileSync(`/etc/netns/${name}/hosts`, `127.0.0.1 localhost\n${known}`)
      }
      if (!cable || !this.#netem(cable)) this.#join(cable)
      for (const [i, name] of this.names.entries()) {
        ip('-n', name, 'addr', 'add', `${subnet}.${i + 1}/24`, 'dev', 'cable')
        ip('-n', name, 'link', 'set', 'cable', 'up')
      }
      // Linux says so up to a second later; UCX takes no device before.
      for (const name of this.names)
        for (const end = performance.now() + 5000; ; pause(20)) {
          if (/LOWER_UP/.test(ip('-n', name, '-br', 'link', 'show', 'cable')) && this.#up(name))
            break
          if (performance.now() > end) throw new Error(`${name} has no carrier`)
        }
      script(
        this.agent,
        `while [ "\${1#-}" != "$1" ]; do shift; done
host=$1; shift
exec ip netns exec "$host" unshare --uts sh -c "hostname $host; exec $*"`,
      )
      script(this.rank, `export TMPDIR="${this.folder}/$(hostname)"\nexec "$@" 2>>"$TMPDIR/stderr"`)
    } catch (error) {
      this.remove()
      throw error
    }
  }
  /** @param {string} name */
  #up(name) {
    return !/NO-CARRIER|state DOWN/.test(ip('-n', name, 'link', 'show', 'cable'))
  }
  #veth() {
    const [first, second] = this.names
    ip(...['link', 'add', 'cable', 'netns', first], ...'type veth peer name cable netns'.split(' '), second) // biome-ignore format: a line
  }
  /** The kernel's own delay, where it has it. @param {{ latency?: number, rate?: number }} cable */
  #netem({ latency = 0, rate }) {
    this.#veth()
    try {
      for (const name of this.names)
        ip('netns', 'exec', name, 'tc', 'qdisc', 'add', 'dev', 'cable', 'root', 'netem', 'limit', '100000', 'delay', `${latency * 1e6}us`, ...(rate ? ['rate', `${Math.round(rate * 8)}bit`] : [])) // biome-ignore format: a line
      this.how = 'tc netem'
      return true
    } catch {
      ip('-n', this.names[0], 'link', 'del', 'cable')
      return false
    }
  }
  /** Bytes that the cable has brought to a host. @param {string} name */
  received(name) {
    const file = '/sys/class/net/cable/statistics/rx_bytes'
    return Number(
      spawnSync('ip', ['netns', 'exec', name, 'cat', file], { encoding: 'utf8' }).stdout,
    )
  }
  /** @param {{ latency?: number, rate?: number } | undefined} cable */
  #join(cable) {
    if (!cable) return this.#veth()
    const program = join(this.folder, 'relay')
    run('cc', '-O2', fileURLToPath(new URL('./relay.c', import.meta.url)), '-o', program)
    const ends = ['a', 'b'].map((e) => `nb${process.pid}x${made}${e}`)
    const { latency = 0, rate = 1e12 } = cable
    const ready = join(this.folder, 'ready')
    const args = [...ends, `${latency}`, `${rate}`]
    this.relay = spawn('sh', ['-c', 'exec "$0" "$@" >ready 2>&1', program, ...args], {
      cwd: this.folder,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    for (const end = performance.now() + 5000; ; pause(5)) {
      const told = existsSync(ready) ? readFileSync(ready, 'utf8') : ''
      if (told.startsWith('ready')) break
      if (told || performance.now() > end) throw new Error(`relay: ${told}`)
    }
    for (const [i, name] of this.names.entries()) {
      ip('link', 'set', ends[i], 'netns', name, 'name', 'cable')
      // Fewer, larger frames: a relay looks at each of them.
      ip('-n', name, 'link', 'set', 'cable', 'mtu', '9000')
    }
    this.how = 'a relay'
  }

  /** Processes on a host. @param {string} name @returns {number[]} */
  pids(name) {
    const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' })
    return (stdout ?? '').split('\n').filter(Boolean).map(Number)
  }
  /** Programs on a host, but for shells and what they wait with. @param {string} name @returns {string[]} */
  programs(name) {
    return this.pids(name).flatMap((pid) => {
      try {
        const program = readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
        return /^(sh|dash|bash|sleep)$/.test(program) ? [] : [program]
      } catch {
        return []
      }
    })
  }
  cut() {
    ip('-n', this.names[1], 'link', 'set', 'cable', 'down')
  }
  /** What the ranks of a host have written as errors. @param {number} i */
  errors(i) {
    const file = join(this.folder, this.names[i], 'stderr')
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  }
  remove() {
    for (const name of this.names) {
      for (const pid of this.pids(name))
        try {
          process.kill(pid, 'SIGKILL')
        } catch {
          // It has ended.
        }
      spawnSync('ip', ['netns', 'del', name])
      rmSync(`/etc/netns/${name}`, { recursive: true, force: true })
    }
    this.relay?.kill('SIGKILL')
    try {
      if (readdirSync('/etc/netns').length === 0) rmSync('/etc/netns', { recursive: true })
    } catch {
      // There is none.
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Why this machine cannot have such hosts: a program that is missing, or rights. @returns {string | undefined} */
export function whyNoHosts() {
  try {
    new Hosts().remove()
    run('unshare', '--uts', 'true')
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/**
 * Launchers of MPI, and their arguments for one rank on each host.
 * @type {Record<'openmpi' | 'mpich', { command: string, args: string[], across: (hosts: Hosts) => string[] }>}
 */
export const launchers = {
  openmpi: {
    command: 'mpirun.openmpi',
    args: ['--allow-run-as-root', '--oversubscribe', '--bind-to', 'none'],
    across: ({ agent, names }) => [
      ...['--mca', 'plm_rsh_agent', agent, '--mca', 'btl', 'tcp,self', '--mca', 'pml', 'ob1'],
      ...['--host', names.map((n) => `${n}:1`).join()],
    ],
  },
  mpich: {
    command: 'mpirun.mpich',
    args: [],
    // UCX takes hosts of one kernel for one machine, whose memory they would share.
    across: ({ agent, names }) => [
      ...['-genv', 'UCX_TLS', 'tcp,self', '-genv', 'UCX_NET_DEVICES', 'cable'],
      ...['-launcher', 'ssh', '-launcher-exec', agent, '-hosts', names.map((n) => `${n}:1`).join()],
    ],
  },
}

/**
 * The command that starts a program on two hosts, one rank on each.
 * @param {Hosts} hosts @param {'openmpi' | 'mpich'} mpi @param {string[]} program
 */
export function across(hosts, mpi, program) {
  const { command, args, across } = launchers[mpi]
  return [hosts.agent, hosts.names[0], command, ...args, ...across(hosts), '-n', '2', hosts.rank, ...program] // biome-ignore format: a line
}
