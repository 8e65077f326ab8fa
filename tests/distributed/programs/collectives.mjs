// Every operation against its plain definition, on all ranks alike. `node collectives.mjs SEED RUNS`
import fc from 'fast-check'
import { compile, tensor, zeros } from 'nabla'
import * as dist from 'nabla/distributed'
import { say } from './say.mjs'

// Where one rank does not share its memory none does.
const shared = process.env.NABLA_TEST_SHARED
const first = process.env.OMPI_COMM_WORLD_RANK ?? process.env.PMI_RANK
dist.initProcessGroup({
  ...(shared !== undefined && {
    sharedMemory: shared === 'all' || (shared === 'some' && first !== '1'),
  }),
})
const [rank, world] = [dist.getRank(), dist.getWorldSize()]
const [seed, runs] = process.argv.slice(2).map(Number)
const dtypes = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int8',
  'uint8',
  'int32',
  'int64',
  'bool',
]
// 70,001 floats are sent in another way than a few.
const sizes = [0, 1, 2, 7, 33, 1000, 70_001]
const everyone = Array.from({ length: world }, (_, r) => r)
const groups = new Map([[everyone.join(), undefined]])
/** All ranks make it, with the same list. */
const groupOf = (ranks) => {
  const key = ranks.join()
  if (!groups.has(key)) groups.set(key, dist.newGroup(ranks))
  return groups.get(key)
}

/** Small whole numbers, whose sums and products every type holds. */
const value = (c, r, i) => {
  const x = ((c.seed * 31 + r * 17 + i * 7 + (i >> 3)) >>> 0) % 5
  if (c.dtype === 'bool') return x > 2 ? 1 : 0
  const sign = c.dtype === 'uint8' || x % 2 === 0 ? 1 : -1
  return c.op === 'product' ? 1 + (x % 2) : sign * x
}
const values = (c, r, from = 0) => Array.from({ length: c.size }, (_, i) => value(c, r, from + i))
const make = (c, list) => tensor(list, { dtype: c.dtype })
const numbers = (t) => Array.from(t.to('float64').toTypedArray())
const combine = {
  sum: (a, b) => a + b,
  mean: (a, b) => a + b,
  max: (a, b) => Math.max(a, b),
  min: (a, b) => Math.min(a, b),
  product: (a, b) => a * b,
}
const reduced = (c, members, from = 0) =>
  Array.from({ length: c.size }, (_, i) => {
    const all = members.map((r) => value(c, r, from + i))
    const x = all.reduce(combine[c.op])
    if (c.dtype === 'bool') return c.op === 'sum' ? Math.min(1, x) : x
    return c.op === 'mean' ? x / members.length : x
  })
let checks = 0
const same = (c, what, got, want) => {
  const near = c.op === 'mean' ? ({ float16: 2e-3, bfloat16: 2e-2 }[c.dtype] ?? 1e-6) : 0
  const bad = want.findIndex((w, i) => !(Math.abs(got[i] - w) <= near * (1 + Math.abs(w))))
  if (got.length !== want.length || bad >= 0)
    throw new Error(
      `${what} ${JSON.stringify(c)} on rank ${rank}: element ${bad} is ${got[bad]}, not ${want[bad]}`,
    )
  checks++
}

/** Each gives what this rank must have, and what it has. */
const operations = {
  allReduce(c, members, group) {
    const x = make(c, values(c, rank))
    const work = dist.allReduce(x, c.op, { group, asyncOp: c.asyncOp })
    if (c.asyncOp) work.wait()
    same(c, 'allReduce', numbers(x), reduced(c, members))
  },
  broadcast(c, members, group) {
    const src = members[c.root % members.length]
    const x = make(c, values(c, rank))
    const work = dist.broadcast(x, { src, group, asyncOp: c.asyncOp })
    if (c.asyncOp) work.wait()
    same(c, 'broadcast', numbers(x), values(c, src))
  },
  allGather(c, members, group) {
    const list = members.map(() => zeros([c.size], { dtype: c.dtype }))
    const work = dist.allGather(list, make(c, values(c, rank)), { group, asyncOp: c.asyncOp })
    if (c.asyncOp) work.wait()
    for (const [i, r] of members.entries()) same(c, 'allGather', numbers(list[i]), values(c, r))
    const all = zeros([c.size * members.length], { dtype: c.dtype })
    dist.allGatherIntoTensor(all, make(c, values(c, rank)), { group })
    same(
      c,
      'allGatherIntoTensor',
      numbers(all),
      members.flatMap((r) => values(c, r)),
    )
  },
  reduceScatter(c, members, group) {
    const own = members.indexOf(rank)
    const part = (i) => make(c, values(c, rank, i * c.size))
    const y = zeros([c.size], { dtype: c.dtype })
    const work = dist.reduceScatter(
      y,
      members.map((_, i) => part(i)),
      c.op,
      { group, asyncOp: c.asyncOp },
    )
    if (c.asyncOp) work.wait()
    same(c, 'reduceScatter', numbers(y), reduced(c, members, own * c.size))
    const whole = make(
      c,
      members.flatMap((_, i) => values(c, rank, i * c.size)),
    )
    const z = zeros([c.size], { dtype: c.dtype })
    dist.reduceScatterTensor(z, whole, { op: c.op, group })
    same(c, 'reduceScatterTensor', numbers(z), reduced(c, members, own * c.size))
  },
  gather(c, members, group) {
    const dst = members[c.root % members.length]
    const list = rank === dst ? members.map(() => zeros([c.size], { dtype: c.dtype })) : null
    const work = dist.gather(make(c, values(c, rank)), list, { dst, group, asyncOp: c.asyncOp })
    if (c.asyncOp) work.wait()
    for (const [i, r] of list ? members.entries() : [])
      same(c, 'gather', numbers(list[i]), values(c, r))
  },
  scatter(c, members, group) {
    const src = members[c.root % members.length]
    const own = members.indexOf(rank)
    const list =
      rank === src ? members.map((_, i) => make(c, values(c, rank, i * c.size))) : undefined
    const y = zeros([c.size], { dtype: c.dtype })
    const work = dist.scatter(y, list ?? null, { src, group, asyncOp: c.asyncOp })
    if (c.asyncOp) work.wait()
    same(c, 'scatter', numbers(y), values(c, src, own * c.size))
  },
  allToAll(c, members, group) {
    const own = members.indexOf(rank)
    const n = members.length
    const x = make(
      c,
      members.flatMap((_, i) => values(c, rank, i * c.size)),
    )
    const y = zeros([n * c.size], { dtype: c.dtype })
    dist.allToAllSingle(y, x, { group })
    same(
      c,
      'allToAll',
      numbers(y),
      members.flatMap((r) => values(c, r, own * c.size)),
    )
  },
  messages(c, members, group) {
    const own = members.indexOf(rank)
    const n = members.length
    if (n === 1) return
    const [to, from] = [members[(own + 1) % n], members[(own + n - 1) % n]]
    const work = dist.isend(make(c, values(c, rank)), to, { group, tag: c.root })
    const y = zeros([c.size], { dtype: c.dtype })
    // From any rank, where nobody else has the tag.
    const sender = dist.recv(y, c.asyncOp ? from : null, { group, tag: c.root })
    if (members[sender] !== from) throw new Error(`received from ${sender}, not from ${from}`)
    work.wait()
    same(c, 'messages', numbers(y), values(c, from))
  },
  compiled(c, members, group) {
    const m = { ...c, op: 'max' }
    const kept = make(m, values(m, rank))
    const other = zeros([c.size], { dtype: c.dtype })
    const step = compile((x) => {
      const y = x.mul(1)
      dist.allReduce(y, c.op, { group })
      dist.broadcast(other, members[0], { group })
      dist.allReduce(kept, 'max', { group })
      return y
    })
    const wanted = reduced(c, members)
    const most = reduced(m, members)
    for (let i = 0; i < 2; i++) {
      same(c, 'compiled', numbers(step(make(c, values(c, rank)))), wanted)
      same(c, 'compiled, in place', numbers(kept), most)
    }
  },
}

const cases = fc.sample(
  fc.record({
    name: fc.constantFrom(...Object.keys(operations)),
    dtype: fc.constantFrom(...dtypes),
    op: fc.constantFrom(...Object.keys(combine)),
    size: fc.constantFrom(...sizes),
    members: fc.subarray(everyone, { minLength: 1 }),
    root: fc.nat(100),
    seed: fc.nat(1000),
    asyncOp: fc.boolean(),
  }),
  { seed, numRuns: runs },
)
// Each operation with each type once, whatever chance brings.
for (const name of Object.keys(operations))
  for (const [i, dtype] of dtypes.entries())
    cases.push({
      name,
      dtype,
      op: Object.keys(combine)[i % 5],
      size: sizes[(i + 1) % 6],
      members: everyone,
      root: i,
      seed: i,
      asyncOp: i % 2 === 0,
    })
for (const given of cases) {
  const { name, members, ...c } = given
  if (c.op === 'mean' && !/float/.test(c.dtype)) c.op = 'sum'
  if (name === 'compiled' && c.dtype === 'bool') c.dtype = 'int32'
  const group = groupOf(members)
  if (members.includes(rank)) operations[name](c, members, group)
}
// Nothing comes as NaN, or as what is not NaN.
for (const op of ['max', 'min']) {
  const x = tensor([rank === world - 1 ? Number.NaN : rank, rank])
  dist.allReduce(x, op)
  const [a, b] = x.toArray()
  if (!Number.isNaN(a) || b !== (op === 'max' ? world - 1 : 0))
    throw new Error(`${op} gives ${a}, ${b}`)
}
// Views that do not lie in one piece, in and out: the memory around them stays.
{
  const parts = tensor(Array.from({ length: 12 }, (_, i) => i + rank)).reshape([3, 4])
  dist.allReduce(parts.transpose(0, 1))
  const total = (world * (world - 1)) / 2
  same({ op: 'sum' }, 'view', numbers(parts), Array.from({ length: 12 }, (_, i) => i * world + total)) // biome-ignore format: a line
  const all = zeros([2, 3 * world])
  const own = tensor(Array.from({ length: 6 }, (_, i) => 10 * rank + i)).reshape([2, 3])
  dist.allGatherIntoTensor(all.transpose(0, 1), own.transpose(0, 1))
  same({ op: 'sum' }, 'view', numbers(all), [0, 3].flatMap((row) => everyone.flatMap((r) => [0, 1, 2].map((i) => 10 * r + row + i)))) // biome-ignore format: a line
  // A column of a frame, whose other places are each rank's own.
  const frame = tensor(Array.from({ length: 9 }, (_, i) => 100 * rank + i)).reshape([3, 3])
  dist.broadcast(frame.select(1, 1), world - 1)
  same({ op: 'sum' }, 'view', numbers(frame), Array.from({ length: 9 }, (_, i) => 100 * (i % 3 === 1 ? world - 1 : rank) + i)) // biome-ignore format: a line
}
// Ranks that share memory add in the order of the ranks, in float32 at least, and round once; so do two by MPI.
if (shared === 'all') {
  const noise = (r, i) => Math.sin(i * 12.9898 + r * 78.233) * 1000
  for (const dtype of ['float32', 'float16'])
    for (const size of [5, 100_003]) {
      const own = (r) =>
        tensor(Array.from({ length: size }, (_, i) => noise(r, i)), { dtype }) // biome-ignore format: a line
      const [x, parts] = [own(rank), everyone.map((r) => numbers(own(r)))]
      dist.allReduce(x, 'mean')
      const sums = Array.from({ length: size }, (_, i) => {
        const sum = everyone.map((r) => parts[r][i]).reduce((a, b) => Math.fround(a + b))
        return Math.fround(sum * Math.fround(1 / world))
      })
      same({ op: 'sum' }, `bits of ${dtype}`, numbers(x), numbers(tensor(sums, { dtype })))
    }
}
// More at once than a rank shows to the others.
{
  const many = Array.from({ length: 200 }, (_, i) => tensor([i + rank]))
  const works = many.map((x) => dist.allReduce(x, 'sum', { asyncOp: true }))
  for (const [i, w] of works.entries())
    same({ op: 'sum' }, 'many', numbers(w.wait()), [world * i + (world * (world - 1)) / 2])
}
// A program that computes does not hold up those that wait for what it has asked for already.
{
  const x = zeros([100_000])
  const work = dist.allReduce(x, { asyncOp: true })
  if (rank === 0) work.wait()
  const through = Date.now()
  if (rank !== 0) for (const end = performance.now() + 1500; performance.now() < end; );
  const end = Date.now()
  if (rank !== 0) work.wait()
  const [first, ...others] = dist.allGatherObject([through, end])
  if (others.some((o) => first[0] >= o[1]))
    throw new Error('rank 0 has waited for what others compute')
}
// Handles that nobody waits for hold up neither what follows nor the end.
for (let i = 0; i < 3; i++) dist.allReduce(zeros([40_000]), { asyncOp: true })
// Objects come as they are.
for (const [r, o] of dist
  .allGatherObject({ rank, bad: Number.NaN, big: 1n, none: undefined, map: new Map([[1, 'ü']]) })
  .entries())
  if (o.rank !== r || !Number.isNaN(o.bad) || o.big !== 1n || o.map.get(1) !== 'ü')
    throw new Error(`an object of rank ${r} came as ${o}`)
if (dist.broadcastObject(rank === 0 ? undefined : () => 1) !== undefined)
  throw new Error('undefined')
dist.barrier()
say({ rank, checks })
