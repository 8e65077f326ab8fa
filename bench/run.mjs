// `npm run bench -- [NAME...]`: PyTorch and nabla in turn on the same work. A line of JSON a case, a table on a
// terminal. See README.md.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { boundOf } from './bound.mjs'
import { cases } from './cases.mjs'
import { commands, digits, hasTorch, machineMeter, nodeOf, once, peakMeter, python, Side } from './sides.mjs' // biome-ignore format: a line

const usage = `npm run bench -- [NAME...] [options]   the cases whose names hold one of NAME; all without one
  --threads 1,2     numbers of threads
  --backend NAMES   native, wasm (by default each where a goal is set)
  --node VERSION    run nabla on another Node, such as 26
  --rounds 5        turns of each side
  --seconds 0.2     length of a turn
  --against DIR     instead of PyTorch: the nabla of another checkout, built, on these same cases
  --cpu             with --against: the processor's time instead of the clock's, on a busy machine
  --bound           instead of PyTorch: what the machine could do at best, and the kernels that lose most
  --keep-memory     PyTorch keeps the memory of its results, instead of asking the system again
  --json            lines of JSON on a terminal, too
  --list            the names of the cases`

function options() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        threads: { type: 'string', default: '1,2' },
        backend: { type: 'string' },
        node: { type: 'string' },
        rounds: { type: 'string', default: '5' },
        seconds: { type: 'string', default: '0.2' },
        against: { type: 'string' },
        cpu: { type: 'boolean', default: false },
        bound: { type: 'boolean', default: false },
        'keep-memory': { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    return { ...values, names: positionals }
  } catch (error) {
    process.stderr.write(`${error.message}\n${usage}\n`)
    process.exit(2)
  }
}

const wanted = options()
if (wanted.help) {
  console.log(usage)
  process.exit()
}
const chosen = cases.filter(
  (c) => wanted.names.length === 0 || wanted.names.some((n) => c.name.includes(n)),
)
if (wanted.list || chosen.length === 0) {
  console.log(cases.map((c) => c.name).join('\n'))
  process.exit(chosen.length === 0 ? 2 : 0)
}

/** The other side, and its name in the rows: another checkout of nabla has all cases, PyTorch those with its name for them. */
const against = wanted.against && resolve(wanted.against)
const theirKind = against ? 'other' : 'torch'
const hasOther = !wanted.bound && (against ? true : hasTorch())
if (!hasOther && !wanted.bound)
  process.stderr.write(
    `bench: PyTorch is not installed for ${python}, so nabla runs alone and there are no ratios (apt-get install python3-torch)\n`,
  )
const node = nodeOf(wanted.node)
const rounds = Number(wanted.rounds)
const seconds = Number(wanted.seconds)
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]
const digitsOf = (v, n = 4) => (v === undefined || v === null ? null : Number(v.toPrecision(n)))

// ---- output ----

const table = (process.stdout.isTTY || wanted.bound) && !wanted.json
const columns = [
  ['case', -30, (r) => r.case],
  ['backend', -7, (r) => r.backend],
  ['threads', 7, (r) => r.threads],
  ['nabla ms', 10, (r) => r.nabla_ms],
  [`${theirKind} ms`, 10, (r) => r[`${theirKind}_ms`]],
  ['ratio', 7, (r) => r.ratio?.toFixed(2)],
  ['goal', 7, (r) => r.goal],
  ['', -4, (r) => (r.reached === undefined ? '' : r.reached ? 'yes' : 'NO')],
  ['', -1, (r) => r.note],
]
const line = (cells) =>
  cells
    .map((v, i) => {
      const text = `${v ?? ''}`
      const width = columns[i][1]
      return width < 0 ? text.padEnd(-width) : text.padStart(width)
    })
    .join('  ')
    .trimEnd()
if (table) console.log(line(columns.map((c) => c[0])))
function show(row) {
  if (table) console.log(line(columns.map((c) => c[2](row))))
  else {
    const { note, ...rest } = row
    console.log(JSON.stringify(rest))
  }
}

/** What every row has; `theirs` are milliseconds of the other side. */
const rowOf = (c, backend, threads, ours, theirs) => ({
  case: c.name,
  backend,
  threads,
  nabla_ms: digitsOf(ours),
  [`${theirKind}_ms`]: digitsOf(theirs),
  ratio: theirs ? digitsOf(theirs / ours) : null,
})

// ---- measuring ----

/** Another checkout is to be no faster than this part of ours: less is noise. */
const LEAST = 0.97
const command = (kind, threads, backend) =>
  commands[kind](threads, backend, node, { ...wanted, against })
const sides = new Map()
function side(kind, threads, backend = '') {
  const key = `${kind} ${threads} ${backend}`
  if (!sides.has(key)) sides.set(key, new Side(command(kind, threads, backend)))
  return sides.get(key)
}
let meter
let machine
/** One of the two after the other: its threads go to sleep first, and it warms up. */
async function turn(s, length) {
  await sleep(50)
  return (await s.ask({ time: length })).ms
}

async function time(c, backend, threads) {
  const request = { name: c.name, torch: c.torch, args: c.args, threads }
  const ours = side('nabla', threads, backend)
  const theirs =
    against || (hasOther && c.torch) ? side(theirKind, threads, against && backend) : undefined
  const facts = await ours.ask({ make: request })
  await theirs?.ask({ make: request })
  const wantPeak = c.flops && backend === 'native'
  if (wantPeak) meter ??= (await peakMeter(facts.isa)) ?? (() => undefined)
  const a = []
  const b = []
  const peaks = []
  for (let i = -1; i < rounds; i++) {
    const t = theirs && (await turn(theirs, seconds))
    const n = await turn(ours, seconds)
    if (i < 0) continue // a turn to warm up
    a.push(n)
    if (theirs) b.push(t)
    if (wantPeak) peaks.push(meter(threads))
  }
  const nabla = median(a)
  const other = theirs && median(b)
  const row = rowOf(c, backend, threads, nabla, other)
  const goal = against ? LEAST : c.goal?.[backend]
  if (goal) Object.assign(row, { goal, reached: other ? other / nabla >= goal : undefined })
  if (c.goalMs && !against)
    Object.assign(row, { goal: `${digitsOf(c.goalMs, 3)} ms`, reached: nabla <= c.goalMs })
  if (c.flops) {
    row.gflops = digitsOf(c.flops / nabla / 1e6, 3)
    row.note = `${row.gflops} GFLOP/s`
    const peak = median(peaks)
    if (peak) {
      row.peak_percent = digitsOf((100 * row.gflops) / peak, 3)
      row.note += `, ${row.peak_percent} % of ${peak}`
    }
    const least = c.goalGflops?.[backend]?.[facts.version.split('.')[0]]
    if (least && !against)
      Object.assign(row, { goal: `${least} GFLOP/s`, reached: row.gflops >= least })
  }
  if (wanted.node) row.node = facts.version
  return row
}

/** How near a case is to what the machine can do: see bound.mjs. */
async function bounded(c, backend, threads) {
  const ours = side('nabla', threads, backend)
  const facts = await ours.ask({ make: { name: c.name, args: c.args } })
  machine ??= await machineMeter(facts.isa)
  if (!machine) throw new Error('--bound needs a C++ compiler and the native backend')
  const before = machine(threads)
  const took = await ours.ask({ bound: 2 * rounds })
  // The better of before and after, since what else runs on the machine makes it seem slower.
  const after = machine(threads)
  const rates = {
    float32: Math.max(before.float32, after.float32),
    bfloat16: Math.max(before.bfloat16, after.bfloat16),
    moving: before.moving.map(([bytes, rate], i) => [bytes, Math.max(rate, after.moving[i][1])]),
  }
  const { ms, bound, percent, products, rest, gaps } = boundOf(took, rates)
  const of = ([took, least]) => `${took.toFixed(2)} ms, at best ${least.toFixed(2)}`
  const moving = rates.moving.map(([bytes, rate]) => `${rate} GB/s of ${(bytes / 2 ** 20).toFixed(2)} MB`) // biome-ignore format: a line
  const note = [
    `at best ${bound.toFixed(2)} ms: ${percent.toFixed(0)} % of what the machine can do`,
    `products ${of(products)}; the rest ${of(rest)}`,
    `measured: ${rates.float32} GFLOP/s in float32, ${rates.bfloat16} in bfloat16; ${moving.join(', ')}`,
    ...gaps.map((k) => `${(k.ms - k.bound).toFixed(3).padStart(8)} ms lost  ${of([k.ms, k.bound])}  ${k.calls} x ${k.kernel}`), // biome-ignore format: a line
  ].join('\n    ')
  return { ...rowOf(c, backend, threads, ms), bound_ms: digitsOf(bound), percent: digitsOf(percent, 3), machine: rates, gaps, note } // biome-ignore format: a line
}

/** Medians of processes of their own, which make the case and call it, in turn: ours and theirs by name. */
async function fresh(c, backend, threads, calls) {
  const request = { name: c.name, torch: c.torch, args: c.args, threads, calls }
  const a = []
  const b = []
  for (let i = -1; i < rounds; i++) {
    const t = hasOther && (await once(command(theirKind, threads, backend), request))
    const n = await once(command('nabla', threads, backend), request)
    if (i < 0) continue
    a.push(n)
    if (hasOther) b.push(t)
  }
  return (key) => [a, b].map((list) => (list.length ? median(list.map((x) => x[key])) : undefined))
}

async function start(c, backend, threads) {
  const of = await fresh(c, backend, threads, 1)
  const [ms, theirMs] = of('ms')
  const [mb, theirMb] = of('mb')
  return {
    ...rowOf(c, backend, threads, ms, theirMs),
    nabla_mb: digitsOf(mb),
    [`${theirKind}_mb`]: digitsOf(theirMb),
    ...(against ? { goal: LEAST, reached: theirMs / ms >= LEAST } : { goal: `${c.goalMs} ms`, reached: ms <= c.goalMs && !(hasOther && mb > theirMb / 2) }), // biome-ignore format: a line
    note: `peak memory ${mb.toFixed(0)} MB, ${against ? 'the other' : 'PyTorch'} ${theirMb?.toFixed(0) ?? '?'} MB`,
  }
}

/** The first call, with all that is compiled for it, beside later ones, and the peak memory of the process. */
async function firstCall(c, backend, threads) {
  const of = await fresh(c, backend, threads, 6)
  const [ms, theirMs] = of('first')
  const [later, theirLater] = of('later')
  const [mb, theirMb] = of('mb')
  const least = against ? LEAST : c.goal.native
  return {
    ...rowOf(c, backend, threads, ms, theirMs),
    later_ms: digitsOf(later),
    times_later: digitsOf(ms / later),
    nabla_mb: digitsOf(mb),
    [`${theirKind}_mb`]: digitsOf(theirMb),
    memory_ratio: theirMb ? digitsOf(mb / theirMb) : null,
    goal: `${least}, ${c.goalLater} times a later one, ${c.goalMemory} of the memory`,
    reached: (!theirMs || theirMs / ms >= least) && ms / later <= c.goalLater && !(!against && mb > c.goalMemory * theirMb), // biome-ignore format: a line
    note: `later ${later.toFixed(0)} ms${theirLater ? `, theirs ${theirLater.toFixed(0)} ms` : ''}; peak memory ${mb.toFixed(0)} MB, theirs ${theirMb?.toFixed(0) ?? '?'} MB`,
  }
}

async function grow(c, backend, threads) {
  const ours = side('nabla', threads, backend)
  await ours.ask({ make: { name: c.name, args: c.args } })
  const { mb, bytes } = await ours.ask({ grow: c.calls })
  return {
    ...rowOf(c, backend, threads),
    grown_mb: digitsOf(mb, 3),
    bytes_a_call: bytes,
    goal: c.goalMb === undefined ? `${c.goalBytes} B` : `${c.goalMb} MB`,
    reached: c.goalMb === undefined ? bytes <= c.goalBytes : mb <= c.goalMb,
    note: `grows by ${mb.toFixed(1)} MB, ${bytes} bytes of tensors a call`,
  }
}

/** Both sides in processes of their own, one after the other: what V8 has optimized before counts. */
async function compiling(c, backend, threads) {
  const ask = async (kind) => {
    const s = new Side(command(kind, threads, backend))
    await s.ask({ make: { name: c.name, args: c.args } })
    const answer = await s.ask({ compile: 5 })
    s.end()
    return answer
  }
  const [a, b] = [[], []]
  for (let i = 0; i < (against ? rounds : 1); i++) {
    if (against) b.push(await ask(theirKind))
    a.push(await ask('nabla'))
  }
  const of = (list, key) => (list.length ? median(list.map((x) => x[key])) : undefined)
  const [first, theirFirst] = [of(a, 'first'), of(b, 'first')]
  return {
    ...rowOf(c, backend, threads, of(a, 'ms'), of(b, 'ms')),
    first_ms: digitsOf(first),
    ...(against && { other_first_ms: digitsOf(theirFirst), first_ratio: digitsOf(theirFirst / first) }), // biome-ignore format: a line
    note: `the first time ${first.toFixed(0)} ms${against ? `, the other ${theirFirst.toFixed(0)} ms` : ''}`,
  }
}

function epochs(c, backend, threads) {
  const folder = mkdtempSync(join(tmpdir(), 'nabla-bench-'))
  try {
    const run = (home) => {
      const { seconds, accuracy } = digits(threads, backend, node, folder, home)
      return { ms: seconds.map((s) => digitsOf(1000 * s, 3)), accuracy }
    }
    const theirs = against && run(against)
    const { ms, accuracy } = run()
    const row = rowOf(c, backend, threads, median(ms), theirs && median(theirs.ms))
    const goal = against
      ? { goal: LEAST, reached: row.ratio >= LEAST }
      : {
          goal: `${c.goalMs} ms`,
          reached: threads < 2 ? undefined : Math.max(...ms) <= c.goalMs && accuracy >= 0.94,
        }
    return {
      ...row,
      epochs_ms: ms,
      test_accuracy: accuracy,
      ...goal,
      note: `epochs ${ms.join(' ')} ms, test accuracy ${accuracy}`,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Beside the Rust library instead of PyTorch; RAYON_NUM_THREADS says how many threads it takes. */
function texts(c, backend, threads) {
  const { stdout, stderr, status } = spawnSync(node, [join(import.meta.dirname, 'texts_side.mjs'), c.args.kind, `${rounds}`], { encoding: 'utf8', env: { ...process.env, RAYON_NUM_THREADS: `${threads}` } }) // biome-ignore format: a line
  if (status !== 0) throw new Error(stderr)
  const { ms, other } = JSON.parse(stdout)
  return {
    ...rowOf(c, backend, threads, ms),
    ratio: other ? digitsOf(other / ms) : null,
    ...(c.goalMs ? { goal: `${c.goalMs} ms`, reached: ms <= c.goalMs } : { goal: 1, reached: other >= ms }), // biome-ignore format: a line
    ...(other && { rust_ms: digitsOf(other), note: `the Rust library ${other.toFixed(0)} ms` }),
  }
}

const measures = { time, texts, start, first: firstCall, grow, compile: compiling, digits: epochs }
for (const threads of wanted.threads.split(',').map(Number))
  for (const c of chosen) {
    const own = Object.keys(c.goal ?? { native: 0 })
    for (const backend of wanted.backend?.split(',') ?? own) {
      if (against && c.measure === 'texts') continue // beside the Rust library
      // By default WebAssembly is measured on one thread, as its goals are set.
      if (!wanted.backend && backend === 'wasm' && threads > 1) continue
      try {
        show(await (wanted.bound ? bounded : measures[c.measure ?? 'time'])(c, backend, threads))
      } catch (error) {
        process.stderr.write(`bench: ${c.name} on ${backend}: ${error.message}\n`)
        process.exitCode = 1
        // A process that has ended is asked no more.
        for (const [key, s] of sides) if (s.child.exitCode !== null) sides.delete(key)
      }
    }
  }
for (const s of sides.values()) s.end()
