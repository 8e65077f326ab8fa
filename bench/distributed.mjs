// Two ranks of one thread against one rank of one thread, same global batch, against nabla's own two threads, the machine's two cores and
// PyTorch's DistributedDataParallel: `node bench/distributed.mjs gpt|convnet|allreduce|zero [openmpi|mpich]`. It starts itself as the
// ranks, in turns, and takes about 90 s. BENCH_SECONDS: of one measurement.
import { spawn, spawnSync } from 'node:child_process'
import { createServer } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { launchers } from './hosts.mjs'
import { commands, hasTorch, peakMeter, python } from './sides.mjs'

const [what = 'gpt', mpi = 'openmpi', role] = process.argv.slice(2)
const self = fileURLToPath(import.meta.url)
const SECONDS = Number(process.env.BENCH_SECONDS ?? 4)

/** One process of a measurement: prints samples a second. */
async function rank() {
  const nabla = await import('nabla')
  const dist = await import('nabla/distributed')
  const nn = await import('nabla/nn')
  const optim = await import('nabla/optim')
  dist.initProcessGroup()
  const world = dist.getWorldSize()
  const { compile, crossEntropy, manualSeed, randint, randn, zeros } = nabla
  manualSeed(1)
  if (what === 'allreduce') {
    const x = zeros([25_000_000])
    const step = compile(() => void dist.allReduce(x))
    let best = Number.POSITIVE_INFINITY
    for (let i = 0; i < 12; i++) {
      dist.barrier()
      const start = performance.now()
      step()
      if (i > 1) best = Math.min(best, performance.now() - start)
    }
    return { seconds: best / 1000 }
  }
  let model
  let batch
  if (what === 'convnet') {
    const n = 128 / world
    model = new nn.Sequential(
      new nn.Conv2d(1, 32, 3),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Conv2d(32, 64, 3),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Linear(1600, 10),
    )
    batch = [randn([n, 1, 28, 28]), randint(0, 10, [n])]
  } else {
    const n = 8 / world
    const { GPT2 } = await import('nabla/models')
    model = new GPT2({
      vocabSize: 512,
      nPositions: 128,
      nEmbd: 256,
      nLayer: 4,
      nHead: 4,
      dropout: 0,
    })
    batch = [randint(0, 512, [n, 128]), randint(0, 512, [n, 128])]
  }
  const samples = batch[0].shape[0] * world
  const net = world > 1 ? new dist.DistributedDataParallel(model) : model
  let optimizer = new optim.Adam(net.parameters(), { lr: 1e-3 })
  if (what === 'zero') optimizer = dist.zeroRedundancy(optimizer)
  const step = compile((x, y) => {
    optimizer.zeroGrad()
    const out = net.forward(x)
    const loss = crossEntropy(
      out.rank === 3 ? out.reshape([-1, out.shape[2]]) : out,
      y.reshape([-1]),
    )
    loss.backward()
    optimizer.step()
    return loss
  })
  for (let i = 0; i < 5; i++) step(...batch)
  const start = performance.now()
  let steps = 0
  // As many on every rank.
  const seconds = () => (performance.now() - start) / 1000
  for (let go = true; go; ) {
    for (let i = 0; i < 10; i++) step(...batch)
    steps += 10
    go = dist.broadcastObject(seconds() < SECONDS)
  }
  const state = [...optimizer.state.values()].flatMap((s) => Object.values(s))
  return {
    perSecond: (steps * samples) / seconds(),
    stateBytes: state.reduce((n, t) => n + 4 * t.size, 0),
    rss: process.memoryUsage().rss,
  }
}

function run(n, threads) {
  const own = [process.execPath, self, what, mpi, 'rank']
  const { command: mpirun, args: how } = launchers[mpi]
  const [command, ...args] = n > 1 ? [mpirun, ...how, '-n', `${n}`, ...own] : own
  const env = { ...process.env, NABLA_THREADS: `${threads}` }
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', env })
  const found = stdout
    .split('\n')
    .filter((l) => l.startsWith('{'))
    .map((l) => JSON.parse(l))
  if (found.length !== n) throw new Error(stderr || stdout)
  return found
}

/** Samples a second of PyTorch's DistributedDataParallel with gloo on two ranks of one thread; undefined without PyTorch. */
async function torch() {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  const script = fileURLToPath(new URL('./torch_distributed.py', import.meta.url))
  const [, env] = commands.torch(1, undefined, undefined, true)
  const world = { WORLD_SIZE: '2', MASTER_ADDR: '127.0.0.1', MASTER_PORT: `${port}` }
  const one = (RANK) =>
    new Promise((resolve, reject) => {
      const child = spawn(python, [script, what, `${SECONDS}`], {
        env: { ...env, ...world, GLOO_SOCKET_IFNAME: 'lo', RANK },
        stdio: ['ignore', 'pipe', 'inherit'],
        timeout: 60_000,
        killSignal: 'SIGKILL',
      })
      let text = ''
      child.stdout.on('data', (d) => (text += d))
      child.on('error', reject)
      child.on('close', (code) =>
        code === 0 ? resolve(JSON.parse(text).perSecond) : reject(new Error(`PyTorch: ${code}`)),
      )
    })
  return Math.min(...(await Promise.all(['0', '1'].map(one))))
}

if (role) process.stdout.write(`${JSON.stringify(await rank())}\n`)
else if (what === 'allreduce') {
  const folder = mkdtempSync(join(tmpdir(), 'nabla-bench-'))
  const file = join(folder, 'allreduce')
  const source = fileURLToPath(new URL('./allreduce.c', import.meta.url))
  const built = spawnSync(`mpicc.${mpi}`, ['-O2', source, '-o', file], { encoding: 'utf8' })
  if (built.status !== 0) throw new Error(`${built.error ?? built.stderr}: install lib${mpi}-dev`)
  const rates = { c: [], nabla: [] }
  for (let i = 0; i < 3; i++) {
    const { command, args } = launchers[mpi]
    const { stdout, stderr } = spawnSync(command, [...args, '-n', '2', file], { encoding: 'utf8' })
    if (!stdout.startsWith('{')) throw new Error(stderr)
    rates.c.push(JSON.parse(stdout).seconds)
    rates.nabla.push(Math.max(...run(2, 1).map((r) => r.seconds)))
  }
  rmSync(folder, { recursive: true, force: true })
  const [c, own] = [Math.min(...rates.c), Math.min(...rates.nabla)]
  console.log(
    `all-reduce of 25 million floats, ${mpi}: C ${(c * 1000).toFixed(1)} ms, nabla ${(own * 1000).toFixed(1)} ms, ${(c / own).toFixed(2)} of its rate`,
  )
} else {
  const best = { one: 0, ranks: 0, threads: 0, torch: 0 }
  const withTorch = what !== 'zero' && hasTorch()
  const { backend } = await import('nabla')
  const meter = await peakMeter(backend().info().isa)
  const peaks = [0, 0]
  let state = [0, 0]
  for (let i = 0; i < 3; i++) {
    const [one] = run(1, 1)
    const two = run(2, 1)
    best.one = Math.max(best.one, one.perSecond)
    best.ranks = Math.max(best.ranks, Math.min(...two.map((r) => r.perSecond)))
    best.threads = Math.max(best.threads, run(1, 2)[0].perSecond)
    if (withTorch) best.torch = Math.max(best.torch, await torch())
    if (meter) for (const n of [1, 2]) peaks[n - 1] = Math.max(peaks[n - 1], meter(n))
    state = [one.stateBytes, Math.max(...two.map((r) => r.stateBytes))]
  }
  const gained = best.ranks / best.one
  console.log(
    `${what}, ${mpi}: one rank ${best.one.toFixed(1)}, two ranks ${best.ranks.toFixed(1)} (${gained.toFixed(2)} times), two threads ${best.threads.toFixed(1)} samples/s (${(best.threads / best.one).toFixed(2)} times)`,
  )
  if (meter) {
    const cores = peaks[1] / peaks[0]
    console.log(
      `two cores: ${cores.toFixed(2)} times one; of that ${(gained / cores).toFixed(2)} is reached (goal ${what === 'convnet' ? 0.92 : 0.88})`,
    )
  }
  if (withTorch)
    console.log(
      `PyTorch's DistributedDataParallel with gloo: ${best.torch.toFixed(1)} samples/s; nabla is ${(best.ranks / best.torch).toFixed(2)} times as fast (goal 1.4)`,
    )
  if (what === 'zero')
    console.log(
      `optimizer state of a rank: ${state[0]} bytes alone, ${state[1]} of two (${(state[1] / state[0]).toFixed(2)})`,
    )
}
