// Steps of computing and summing, until a rank is killed: `node killed.mjs RANK STEP HOW`.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { ones } from 'nabla'
import * as dist from 'nabla/distributed'

const [victim, when, how] = process.argv.slice(2)
dist.initProcessGroup({ heartbeat: Number(process.env.NABLA_TEST_HEARTBEAT ?? 15) })
const rank = dist.getRank()
for (let step = 0; step < 100_000; step++) {
  dist.markStep(step)
  const x = ones([64, 64])
  dist.allReduce(x.matmul(x), 'mean')
  if (rank !== Number(victim) || step !== Number(when)) continue
  if (how === 'late') {
    // The shell that watches this process comes to run a second after those of the others.
    const [shell] = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ')
    process.kill(Number(shell), 'SIGSTOP')
    const script = `sleep 1; kill -CONT ${shell}`
    spawn('/bin/sh', ['-c', script], { detached: true, stdio: 'ignore' })
  }
  if (how === 'kill' || how === 'late') process.kill(process.pid, 'SIGKILL')
  if (how === 'throw') throw new Error('no more coffee')
  if (how === 'exit') process.exit(3)
  if (how === 'stop') process.kill(process.pid, 'SIGSTOP')
}
