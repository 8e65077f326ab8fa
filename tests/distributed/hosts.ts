/** Two hosts on one machine: network namespaces joined by veth, the second started by Open MPI's own agent option. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { implementations, type Ran, ranks } from './run.js'

const ip = (...args: string[]) => {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`)
}

export interface Hosts {
  launch(
    args: readonly string[],
    how?: { delay?: string; rate?: string; after?: { seconds: number; act: () => void } },
  ): Promise<Ran>
  cut(): void
}

/** Runs `f` with two hosts, and takes them away again. */
export async function withHosts(f: (hosts: Hosts) => Promise<void>): Promise<void> {
  const id = `${process.pid % 10_000}`
  const names = [`nabla${id}a`, `nabla${id}b`] as const
  const links = [`nv${id}a`, `nv${id}b`] as const
  const addresses = ['10.93.7.1', '10.93.7.2'] as const
  const folder = mkdtempSync(join(tmpdir(), 'nabla-hosts-'))
  // Kernels without netem have the link, and no latency.
  const tc = (i: 0 | 1, ...args: string[]) =>
    spawnSync('ip', ['netns', 'exec', names[i], 'tc', ...args], { stdio: 'ignore' })
  try {
    for (const n of names) ip('netns', 'add', n)
    ip('link', 'add', links[0], 'type', 'veth', 'peer', 'name', links[1])
    for (const i of [0, 1] as const) {
      ip('link', 'set', links[i], 'netns', names[i])
      ip('-n', names[i], 'addr', 'add', `${addresses[i]}/24`, 'dev', links[i])
      ip('-n', names[i], 'link', 'set', links[i], 'up')
      ip('-n', names[i], 'link', 'set', 'lo', 'up')
    }
    // Instead of ssh: the host's address, then the command.
    const agent = join(folder, 'agent')
    writeFileSync(
      agent,
      `#!/bin/sh\nhost=$1; shift\ncase $host in ${addresses[1]}) ns=${names[1]};; *) ns=${names[0]};; esac\nexec ip netns exec $ns sh -c "$*"\n`,
    )
    chmodSync(agent, 0o755)
    const mpi = implementations.find((m) => m.name === 'Open MPI')!
    const over = {
      ...mpi,
      command: 'ip',
      args: [
        ...['netns', 'exec', names[0], mpi.command, ...mpi.args],
        ...['--host', `${addresses[0]}:1,${addresses[1]}:1`, '--map-by', 'node'],
        ...['--mca', 'plm_rsh_agent', agent, '--mca', 'orte_keep_fqdn_hostnames', '1'],
        ...['--mca', 'btl', 'tcp,self', '--mca', 'pml', 'ob1'],
        ...[
          '--mca',
          'btl_tcp_if_include',
          '10.93.7.0/24',
          '--mca',
          'oob_tcp_if_include',
          '10.93.7.0/24',
        ],
        ...['-x', 'NABLA_THREADS', '-x', 'NABLA_QUIET', '-x', 'NABLA_TEST_HEARTBEAT'],
      ],
    }
    const cut = () => ip('-n', names[1], 'link', 'set', links[1], 'down')
    await f({
      cut,
      async launch(args, { delay, rate, after } = {}) {
        for (const i of [0, 1] as const) {
          ip('-n', names[i], 'link', 'set', links[i], 'up')
          const shape = [...(delay ? ['delay', delay] : []), ...(rate ? ['rate', rate] : [])]
          if (shape.length > 0)
            tc(i, 'qdisc', 'replace', 'dev', links[i], 'root', 'netem', ...shape)
        }
        const timer = after && setTimeout(after.act, after.seconds * 1000)
        try {
          return await ranks(over, 2, args, { timeout: 60_000, env: { NABLA_TEST_HEARTBEAT: '8' } })
        } finally {
          clearTimeout(timer)
        }
      },
    })
  } finally {
    for (const n of names) spawnSync('ip', ['netns', 'del', n])
    rmSync(folder, { recursive: true, force: true })
  }
}
