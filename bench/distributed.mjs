// Two ranks of one thread against one rank of one thread, same global batch, against nabla's own two threads, the machine's two cores and
// PyTorch's DistributedDataParallel: `node bench/distributed.mjs gpt|convnet|allreduce|zero [openmpi|mpich]`. It starts itself as the
// ranks, in BENCH_ROUNDS turns (5) of BENCH_SECONDS (1.5) each, and takes two minutes at most. Figures are medians over steps and turns, and
// ratios are made within a turn. Each stands beside what it would be were the exchange free, and its share of that. It also says where a
// step of two ranks has its time: what one rank alone needs for its half of the batch, what the other rank beside it costs (caches,
// memory), and what the exchange does. NABLA_SHARED_MEMORY=0 sends the exchange through MPI.
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
const SECONDS = Number(process.env.BENCH_SECONDS ?? 1.5)
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5)
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]

/** One process of a measurement: milliseconds of its steps, the whole batch over all ranks, and of parts of them. */
async function rank(n) {
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
  if (what === 'convnet')
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
  else {
    const { GPT2 } = await import('nabla/models')
    model = new GPT2({
      vocabSize: 512,
      nPositions: 128,
      nEmbd: 256,
      nLayer: 4,
      nHead: 4,
      dropout: 0,
    })
  }
  const batchOf = (n) =>
    what === 'convnet'
      ? [randn([n, 1, 28, 28]), randint(0, 10, [n])]
      : [randint(0, 512, [n, 128]), randint(0, 512, [n, 128])]
  const net = world > 1 ? new dist.DistributedDataParallel(model) : model
  let optimizer = new optim.Adam(net.parameters(), { lr: 1e-3 })
  if (what === 'zero') optimizer = dist.zeroRedundancy(optimizer)
  const train = (x, y) => {
    optimizer.zeroGrad()
    const out = net.forward(x)
    const loss = crossEntropy(
      out.rank === 3 ? out.reshape([-1, out.shape[2]]) : out,
      y.reshape([-1]),
    )
    loss.backward()
    optimizer.step()
    return loss
  }
  // What is measured in turns, by name.
  const step = compile(train)
  const whole = batchOf(n / world)
  const kinds = { step: () => step(...whole) }
  if (world > 1) {
    const alone = compile((x, y) => net.noSync(() => train(x, y)))
    kinds.part = () => alone(...whole)
  } else if (process.env.NABLA_THREADS === '1') {
    const half = batchOf(n / 2)
    kinds.part = () => step(...half)
  }
  const times = {}
  const cpu = {}
  for (const [name, f] of Object.entries(kinds)) {
    for (let i = 0; i < 4; i++) f()
    times[name] = []
    cpu[name] = 0
  }
  const start = performance.now()
  const seconds = () => (performance.now() - start) / 1000
  // As many on every rank.
  for (let go = true; go; ) {
    for (const [name, f] of Object.entries(kinds)) {
      dist.barrier()
      const before = process.cpuUsage()
      for (let i = 0; i < 5; i++) {
        const begin = performance.now()
        f()
        times[name].push(performance.now() - begin)
      }
      const { user, system } = process.cpuUsage(before)
      cpu[name] += (user + system) / 1000
    }
    go = dist.broadcastObject(seconds() < SECONDS * Object.keys(kinds).length)
  }
  const state = [...optimizer.state.values()].flatMap((s) => Object.values(s))
  return {
    ...Object.fromEntries(Object.entries(times).map(([name, list]) => [name, median(list)])),
    cpu: cpu.step / times.step.length,
    partCpu: (cpu.part ?? 0) / (times.part?.length ?? 1),
    megabytes: model.parameters().reduce((n, p) => n + p.size * 4, 0) / 1e6,
    stateBytes: state.reduce((n, t) => n + 4 * t.size, 0),
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
      // gloo's threads may abort the process that ends, after its figures.
      child.on('close', (code) =>
        text.endsWith('\n')
          ? resolve(JSON.parse(text).perSecond)
          : reject(new Error(`PyTorch: ${code}`)),
      )
    })
  return Math.min(...(await Promise.all(['0', '1'].map(one))))
}

const samples = what === 'convnet' ? 128 : 8
if (role) process.stdout.write(`${JSON.stringify(await rank(samples))}\n`)
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
  const withTorch = what !== 'zero' && hasTorch()
  const { backend } = await import('nabla')
  const meter = await peakMeter(backend().info().isa)
  const turns = []
  const slower = (ranks, name) => Math.max(...ranks.map((r) => r[name]))
  for (let i = 0; i < ROUNDS; i++) {
    const [one] = run(1, 1)
    const ranks = run(2, 1)
    const [threads] = run(1, 2)
    turns.push({
      one: one.step,
      half: one.part,
      halfCpu: one.partCpu,
      ranks: slower(ranks, 'step'),
      beside: slower(ranks, 'part'),
      besideCpu: slower(ranks, 'partCpu'),
      cpu: slower(ranks, 'cpu'),
      threads: threads.step,
      torch: withTorch ? (1000 * samples) / (await torch()) : Number.NaN,
      cores: meter ? meter(2) / meter(1) : Number.NaN,
      megabytes: one.megabytes,
      state: [one.stateBytes, slower(ranks, 'stateBytes')],
    })
  }
  const of = (f) => median(turns.map(f))
  const ms = (f) => `${of(f).toFixed(1)} ms`
  const times = (f) => of(f).toFixed(2)
  console.log(
    `${what}, ${mpi}, a step of ${samples} samples: one rank ${ms((t) => t.one)}, two ranks ${ms((t) => t.ranks)} (${times((t) => t.one / t.ranks)} times as fast), two threads ${ms((t) => t.threads)} (${times((t) => t.one / t.threads)} times)`,
  )
  // What the machine gives at most: each rank's part beside the other's, with nothing to exchange.
  const told = (text, per, goal) =>
    console.log(
      `  ${text}: ${times((t) => per(t) / t.ranks)} (goal ${goal}); were the exchange free ${times((t) => per(t) / t.beside)}, of which ${times((t) => t.beside / t.ranks)} is reached`,
    )
  if (meter)
    told(
      `of the machine's two cores, ${times((t) => t.cores)} times one`,
      (t) => t.one / t.cores,
      what === 'convnet' ? 0.92 : 0.88,
    )
  told("of nabla's own two threads", (t) => t.threads, '1.0')
  if (withTorch)
    told(
      `times as fast as PyTorch's DistributedDataParallel with gloo, ${ms((t) => t.torch)}`,
      (t) => t.torch,
      1.4,
    )
  console.log(
    `  a rank's step: ${ms((t) => t.half)} alone with its half of the batch, ${ms((t) => t.beside)} beside the other one, ${ms((t) => t.ranks)} with the exchange of ${times((t) => t.megabytes)} MB (CPU of all threads: ${ms((t) => t.halfCpu)}, ${ms((t) => t.besideCpu)}, ${ms((t) => t.cpu)})`,
  )
  if (what === 'zero') {
    const [alone, shared] = turns[0].state
    console.log(
      `  optimizer state of a rank: ${alone} bytes alone, ${shared} of two (${(shared / alone).toFixed(2)}, goal 0.5)`,
    )
  }
}
