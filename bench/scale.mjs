// Efficiency of data-parallel training on up to 1,024 nodes, from measured figures: node bench/scale.mjs --compute 0.1 --megabytes 13
// --latency 50e-6 --bandwidth 1.25e9. Of a step two thirds are backward, in which buckets of gradients fill evenly; each travels when
// it is full and the one before has come, and what does not fit into the rest of backward is waited for. While both go on each holds up
// the other: --slowerCompute and --slowerExchange say how many times longer they then take. Ring: 2 (n - 1) messages of 1/n of the
// bytes; tree: 2 log2 n messages of all (Thakur, Rabenseifner and Gropp, 2005).
//
// node bench/scale.mjs --check [openmpi|mpich]: two ranks on two hosts (see hosts.mjs) over cables of several latencies and rates.
// Measured in turns: all-reduces that are awaited, several under way as buckets are, to which latency and bandwidth are fitted; the
// computing without an exchange; and the computing while all-reduces of other tensors go on, which gives how much each holds up the
// other. The step that is predicted from these is held against the measured one: 15 % at most.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { across, Hosts } from './hosts.mjs'

const MEGABYTE = 2 ** 20
const defaults = {
  compute: 0.1,
  megabytes: 13,
  latency: 50e-6,
  bandwidth: 1.25e9,
  first: 1,
  cap: 25,
  nodes: 1024,
  slowerCompute: 1,
  slowerExchange: 1,
}

/** Seconds of an all-reduce. */
export function exchange(kind, n, bytes, latency, bandwidth) {
  if (n === 1) return 0
  if (kind === 'ring') return 2 * (n - 1) * (latency + bytes / n / bandwidth)
  return 2 * Math.ceil(Math.log2(n)) * (latency + bytes / bandwidth)
}

/** Bytes of each bucket, in the order in which they travel. */
export function bucketsOf({ megabytes = 0, first = defaults.first, cap = defaults.cap }) {
  const list = []
  for (let left = megabytes * MEGABYTE; left > 0; left -= list.at(-1))
    list.push(Math.min(left, (list.length === 0 ? Math.min(first, cap) : cap) * MEGABYTE))
  return list
}

/**
 * Seconds of a step on n nodes; `buckets`: bytes of each, else those that DistributedDataParallel would make.
 * @param {'ring' | 'tree'} kind @param {number} n
 * @param {{ compute: number, latency: number, bandwidth: number, slowerCompute?: number, slowerExchange?: number,
 *   buckets?: number[], megabytes?: number, first?: number, cap?: number }} given
 */
export function stepTime(
  kind,
  n,
  { compute, latency, bandwidth, slowerCompute = 1, slowerExchange = 1, buckets, ...sizes },
) {
  const list = buckets ?? bucketsOf(sizes)
  const all = list.reduce((a, b) => a + b, 0)
  let left = (compute * 2) / 3 // of backward, as seconds without an exchange
  let time = compute - left
  const full = [] // what is left of backward when each bucket is
  for (let [i, before] = [0, 0]; i < list.length; i++) {
    before += list[i]
    full.push(left * (1 - before / all))
  }
  for (const [i, bytes] of list.entries()) {
    const until = Math.max(0, full[i])
    if (left > until) {
      time += left - until
      left = until
    }
    const alone = exchange(kind, n, bytes, latency, bandwidth)
    // Both go on, until one of them ends.
    const both = Math.min(left * slowerCompute, alone * slowerExchange)
    time += both + Math.max(0, alone - both / slowerExchange)
    left -= both / slowerCompute
  }
  return time + Math.max(0, left)
}

/** Latency and bandwidth from times of all-reduces of two ranks, by least squares of relative errors. */
export function fitted(measured) {
  // seconds = 2 latency + bytes / bandwidth, each divided by the seconds.
  let [aa, ab, bb, a1, b1] = [0, 0, 0, 0, 0]
  for (const { bytes, seconds } of measured) {
    const [a, b] = [2 / seconds, bytes / seconds]
    aa += a * a
    ab += a * b
    bb += b * b
    a1 += a
    b1 += b
  }
  const det = aa * bb - ab * ab
  return {
    latency: Math.max(0, (a1 * bb - b1 * ab) / det),
    bandwidth: det / (aa * b1 - ab * a1),
  }
}

const ROUNDS = 9
/** @param {number[]} list */
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]

/** What one of the two ranks measures, in each round once. */
async function rank() {
  const { compile, crossEntropy, manualSeed, randint, randn, zeros } = await import('nabla')
  const dist = await import('nabla/distributed')
  const nn = await import('nabla/nn')
  const { Adam } = await import('nabla/optim')
  dist.initProcessGroup()
  const timed = (f) => {
    dist.barrier()
    const start = performance.now()
    f()
    return (performance.now() - start) / 1000
  }
  manualSeed(1)
  const layers = Array.from({ length: 6 }, () => [new nn.Linear(512, 512), new nn.ReLU()])
  const model = new nn.Sequential(...layers.flat())
  const ddp = new dist.DistributedDataParallel(model, { bucketCapMb: 1 })
  const optimizer = new Adam(model.parameters())
  const batch = [randn([768, 512]), randint(0, 512, [768])]
  const train = (x, y) => {
    optimizer.zeroGrad()
    const loss = crossEntropy(ddp.forward(x), y)
    loss.backward()
    optimizer.step()
    return loss
  }
  const programs = [compile((x, y) => ddp.noSync(() => train(x, y))), compile(train)]
  const [alone, together] = programs.map((program) => () => program(...batch).item())
  const begin = (list) => list.map((x) => dist.allReduce(x, { asyncOp: true }))
  const end = (works) => works.map((work) => work.wait())
  const lists = [0.25, 0.5, 1, 2].map((megabytes) =>
    [0, 1, 2].map(() => zeros([megabytes * (MEGABYTE / 4)])),
  )
  // As large as a bucket, and more of them than come while the rank computes.
  const others = Array.from({ length: 24 }, () => zeros([MEGABYTE / 4]))
  const rounds = []
  for (let i = -2; i < ROUNDS; i++) {
    const round = {
      compute: timed(alone),
      reduces: lists.map((list) => timed(() => end(begin(list))) / list.length),
      step: timed(together),
    }
    // All ranks compute while as many all-reduces are under way.
    const count = rounds.length
      ? Math.min(24, Math.ceil((2 * round.compute) / round.reduces[2]) + 1)
      : 2
    const works = begin(others.slice(0, dist.broadcastObject(count)))
    const start = performance.now()
    alone()
    const busy = (performance.now() - start) / 1000
    const come = works.filter((work) => work.isCompleted()).length
    end(works.slice(0, come + 1))
    const rest = come === works.length ? 0 : (performance.now() - start) / 1000 - busy
    end(works)
    // Of the one that is on its way the rest is awaited, with nothing else to do.
    Object.assign(round, { busy, come: come + Math.max(0, 1 - rest / round.reduces[2]), all: works.length }) // biome-ignore format: a line
    if (i >= 0) rounds.push(round)
  }
  const { reducer } = ddp
  const buckets = reducer.buckets.map(({ params }) => params.reduce((n, p) => n + 4 * p.size, 0))
  const bytes = lists.map(([x]) => x.size * 4)
  return { rounds, buckets, bytes }
}

/** Medians over the rounds; in each the slower rank is waited for. */
function summary(found) {
  const of = (f) =>
    median(Array.from({ length: ROUNDS }, (_, i) => Math.max(...found.map((r) => f(r.rounds[i])))))
  const reduces = found[0].bytes.map((bytes, i) => ({ bytes, seconds: of((r) => r.reduces[i]) }))
  const compute = of((r) => r.compute)
  const slowerCompute = Math.max(1, of((r) => r.busy) / compute)
  const slowerExchange = Math.max(1, of((r) => r.busy / r.come) / reduces[2].seconds)
  return { compute, ...fitted(reduces), slowerCompute, slowerExchange, step: of((r) => r.step) }
}

function check(mpi) {
  let worst = 0
  console.log(
    'cable                      measured link       computing  slower by both  predicted  measured',
  )
  for (const cable of [
    { latency: 1e-3, rate: 100e6 },
    { latency: 5e-3, rate: 40e6 },
    { latency: 2e-3, rate: 20e6 },
  ]) {
    const hosts = new Hosts(cable)
    try {
      const program = [process.execPath, fileURLToPath(import.meta.url), 'rank']
      const [command, ...args] = across(hosts, mpi, program)
      const env = { ...process.env, NABLA_THREADS: '1' }
      const options = { encoding: 'utf8', env, timeout: 100_000, killSignal: 'SIGKILL' }
      const { stdout, stderr } = spawnSync(command, args, options)
      const found = (stdout ?? '')
        .split('\n')
        .filter((l) => l.startsWith('{'))
        .map((l) => JSON.parse(l))
      if (found.length !== 2)
        throw new Error(stderr + stdout + hosts.errors(0) + hosts.errors(1) || 'no answer')
      const { step, ...measured } = summary(found)
      const { compute, latency, bandwidth, slowerCompute, slowerExchange } = measured
      const predicted = stepTime('ring', 2, { buckets: found[0].buckets, ...measured })
      const off = predicted / step - 1
      worst = Math.max(worst, Math.abs(off))
      const ms = (s) => `${(1000 * s).toFixed(1)} ms`
      const mb = (rate) => `${(rate / 1e6).toFixed(0)} MB/s`
      console.log(
        `${`${ms(cable.latency)}, ${mb(cable.rate)} (${hosts.how})`.padEnd(27)}${`${ms(latency)}, ${mb(bandwidth)}`.padEnd(20)}${ms(compute).padEnd(11)}${`${slowerCompute.toFixed(2)}, ${slowerExchange.toFixed(2)}`.padEnd(16)}${ms(predicted).padEnd(11)}${ms(step)}  ${(100 * off).toFixed(1)} %`,
      )
    } finally {
      hosts.remove()
    }
  }
  console.log(`${mpi}: off by ${(100 * worst).toFixed(1)} % at most, 15 % are allowed`)
  process.exitCode = worst > 0.15 ? 1 : 0
}

if (process.argv[2] === 'rank') process.stdout.write(`${JSON.stringify(await rank())}\n`)
else if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({
    options: {
      ...Object.fromEntries(
        Object.entries(defaults).map(([k, v]) => [k, { type: 'string', default: `${v}` }]),
      ),
      check: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  })
  if (values.check) check(positionals[0] ?? 'openmpi')
  else {
    const given = Object.fromEntries(Object.keys(defaults).map((k) => [k, Number(values[k])]))
    console.log('nodes   ring    tree')
    for (let n = 1; n <= given.nodes; n *= 2) {
      const parts = ['ring', 'tree'].map((kind) => given.compute / stepTime(kind, n, given))
      console.log(
        `${String(n).padStart(5)}  ${parts.map((p) => `${(100 * p).toFixed(1)} %`.padStart(7)).join(' ')}`,
      )
    }
  }
}
