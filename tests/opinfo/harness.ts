/**
 * What the suite does with a case of PyTorch's records: its arguments become tensors, the entry of the map calls nabla,
 * result and gradients are compared. Nothing is passed over in silence: an argument that an entry does not read, a
 * type that nabla lacks, a result of another kind, are failures.
 */
import { compile, type DType, gradients, noGrad, Tensor, tensor, TraceError } from 'nabla'
import { dtypes, isFloat } from '../../src/core/dtype.js'
import { type Case, elements, type Record_, type Saved, type Stored } from './records.js'

/** Arguments by PyTorch's names. `never` fits every parameter: what an entry passes on is typed by PyTorch, not here. */
export type Bound = Readonly<Record<string, never>>

export interface Entry {
  /** PyTorch's parameters in order; the last may begin with `*` and takes all that is left. */
  parameters: string
  call: (a: Bound) => unknown
  /** The reason why nabla differs in this case on purpose (docs/decisions/0003), or undefined. */
  differs?: (a: Bound) => string | undefined
  /** Takes or gives complex numbers, as real pairs on a last axis of 2. */
  complex?: true
  /** Reads values, so that it cannot be compiled. */
  reads?: true
  /** Why gradients are not compared. */
  noGrads?: string
  /** As `noGrads`, for gradients of gradients only. */
  noSecond?: string
  /** As `differs`, for gradients of gradients only. */
  differsSecond?: (a: Bound) => string | undefined
  /** Why an expanded view cannot take part: something is changed in place. */
  changes?: string
  /** Adds to the tolerance of the records, with the reason. */
  loose?: { rtol?: number; atol?: number; why: string }
}
export interface Excluded {
  excluded: string
}
/** Entries by the record's name, `name:variant` or for all variants `name`. */
export type Family = Readonly<Record<string, Entry | Excluded>>

export const on = (
  parameters: string,
  call: (a: Bound) => unknown,
  more: Omit<Entry, 'parameters' | 'call'> = {},
): Entry => ({ parameters, call, ...more })
export const excluded = (reason: string): Excluded => ({ excluded: reason })

/** What says where memory lies; nabla has no such choice. */
const placement = new Set([
  'device', 'layout', 'memory_format', 'pin_memory', 'non_blocking', 'requires_grad', 'copy',
]) // biome-ignore format: a list

/** How inputs lie in memory. */
export const layouts = ['contiguous', 'transposed', 'stepped', 'flipped', 'offset'] as const
export type Layout = (typeof layouts)[number]

const pairs = new WeakSet<Tensor>()
/** Was this tensor complex in the record? */
export const isPair = (t: unknown): boolean => t instanceof Tensor && pairs.has(t)

/** nabla's type for PyTorch's: whole numbers that nabla has no type for, and indices, are int32. */
export function dtypeOf(name: string): DType {
  if ((dtypes as string[]).includes(name)) return name as DType
  if (/^u?int/.test(name)) return 'int32'
  throw new Error(`nabla has no type ${name}`)
}

const strided = (stored: Stored): number[] =>
  stored.dtype.startsWith('complex') ? [...stored.shape, 2] : stored.shape

function plain(part: number, stored: Stored): Tensor {
  const complex = stored.dtype.startsWith('complex')
  const raw = elements(part, stored)
  // Whole numbers among the arguments of these records are indices and labels.
  const whole = /^u?int/.test(stored.dtype)
  const dtype = complex ? 'float32' : whole ? 'int32' : dtypeOf(stored.dtype)
  const data =
    dtype === 'int32'
      ? Int32Array.from(raw as Iterable<number | bigint>, (v) => {
          if (BigInt.asIntN(32, BigInt(v)) !== BigInt(v)) throw new Error(`${v} is no int32`)
          return Number(v)
        })
      : (raw.slice() as Float32Array)
  const t = tensor(data, { shape: strided(stored), dtype })
  if (complex) pairs.add(t)
  return t
}

/** The same tensor as a view of larger or reordered memory. */
export function laid(t: Tensor, layout: Layout): Tensor {
  if (layout === 'contiguous') return t
  const view = noGrad(() => {
    const { rank } = t
    const axes = Array.from({ length: rank }, (_, a) => a)
    if (layout === 'transposed' && rank > 1) {
      const back = axes.reverse()
      return t.permute(back).contiguous().clone().permute(back)
    }
    if (layout === 'flipped' && rank > 0) return t.flip(axes).clone().flip(axes)
    const data = t.toTypedArray()
    if (layout === 'offset' || rank === 0) {
      const wide = data.slice(0, 0)
      const padded = new (wide.constructor as Float32ArrayConstructor)(data.length + 5)
      padded.set(data as Float32Array, 3)
      return tensor(padded, { shape: [data.length + 5], dtype: t.dtype })
        .narrow(0, 3, data.length)
        .reshape(t.shape)
    }
    const last = rank - 1
    const shape = [...t.shape.slice(0, last), t.shape[last]! * 2]
    const wide = new (data.constructor as Float32ArrayConstructor)(data.length * 2)
    for (let i = 0; i < data.length; i++) wide[2 * i + 1] = data[i]!
    return tensor(wide, { shape, dtype: t.dtype }).slice([
      ...t.shape.slice(0, last).map(() => null),
      [1, null, 2],
    ])
  })
  if (pairs.has(t)) pairs.add(view)
  return view
}

/** Saved trees as arguments; `make` turns stored tensors into tensors. */
function revive(v: Saved, make: (t: Stored) => Tensor): unknown {
  if (v === null || typeof v !== 'object') return v
  if (Array.isArray(v)) return v.map((x) => revive(x, make))
  const o = v as { [name: string]: Saved }
  switch (o.$) {
    case undefined:
      return Object.fromEntries(Object.entries(o).map(([k, x]) => [k, revive(x, make)]))
    case 'tensor':
      return make(o as unknown as Stored)
    case 'dtype':
      return dtypeOf(o.is as string)
    case 'number':
      return { inf: Infinity, '-inf': -Infinity, nan: NaN }[o.is as string] ?? Number(o.is)
    case 'slice':
      return { slice: o.is }
    case 'ellipsis':
      return '...'
    default:
      return { $: o.$, is: o.is }
  }
}

/** Arguments by name; reading is noted, so that none is left out. */
function bind(entry: Entry, args: unknown[], kwargs: Record<string, unknown>) {
  const names = entry.parameters.split(/[ ,]+/).filter(Boolean)
  const given: Record<string, unknown> = {}
  args.forEach((v, i) => {
    const name = names[Math.min(i, names.length - 1)] ?? ''
    if (name.startsWith('*')) {
      const rest = name.slice(1)
      given[rest] = [...((given[rest] as unknown[]) ?? []), v]
    } else if (i >= names.length) throw new Error(`argument ${i} is not in "${entry.parameters}"`)
    else given[name] = v
  })
  Object.assign(given, kwargs)
  const read = new Set<string>()
  const bound = new Proxy(given, {
    get: (o, name: string) => {
      read.add(name)
      return o[name] ?? undefined
    },
  }) as Bound
  const check = () => {
    const left = Object.keys(given).filter((k) => !read.has(k) && !placement.has(k))
    if (left.length > 0) throw new Error(`lacks the argument ${left.join(', ')}`)
  }
  return { bound, check }
}

type Leaf = Tensor | number | boolean | string | null
/** Results in PyTorch's order: tensors and numbers. */
function flat(v: unknown): Leaf[] {
  if (v === undefined) return [null]
  if (v === null || v instanceof Tensor || typeof v !== 'object') return [v as Leaf]
  return (Array.isArray(v) ? v : Object.values(v)).flatMap(flat)
}
type Want = Stored | number | boolean | string | null
function flatSaved(v: Saved): Want[] {
  if (v === null || typeof v !== 'object') return [v as Want]
  if (Array.isArray(v)) return v.flatMap(flatSaved)
  const o = v as { [name: string]: Saved }
  if (o.$ === 'tensor') return [o as unknown as Stored]
  if (o.$ === 'number') return [revive(v, () => null as never) as number]
  return Object.values(o).flatMap(flatSaved)
}

const sameShape = (a: readonly number[], b: readonly number[]) => `${a}` === `${b}`

interface Tolerance {
  rtol: number
  atol: number
}
const own: Record<string, Tolerance> = {
  float16: { rtol: 1e-3, atol: 1e-5 },
  bfloat16: { rtol: 1.6e-2, atol: 1e-5 },
}

/** What is wrong with `have`, or undefined. */
function difference(
  what: string,
  have: Tensor,
  part: number,
  want: Stored,
  tolerance: Tolerance,
  { shapeOnly = false, types = true } = {},
): string | undefined {
  if (!sameShape(have.shape, strided(want)))
    return `${what}: shape [${have.shape}], PyTorch's [${strided(want)}]`
  const wanted = want.dtype.startsWith('complex') ? 'float32' : dtypeOf(want.dtype)
  const whole = (d: string) => (d === 'int32' || d === 'int64' ? 'int' : d)
  if (types && whole(have.dtype) !== whole(wanted))
    return `${what}: type ${have.dtype}, PyTorch's ${want.dtype}`
  if (shapeOnly) return undefined
  const a = have.toTypedArray()
  const b = elements(part, want)
  let greatest = 0
  for (const y of b)
    if (Number.isFinite(Number(y))) greatest = Math.max(greatest, Math.abs(Number(y)))
  // What float32 costs PyTorch itself is no fault here; more than a thousandth is.
  const slack = Math.min(4 * (want.error ?? 0), 1e-3 * Math.max(1, greatest))
  const { rtol, atol } = own[want.dtype] ?? tolerance
  for (let i = 0; i < b.length; i++) {
    const [x, y] = [Number(a[i]), Number(b[i])]
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue
    if (!(Math.abs(x - y) <= atol + rtol * Math.abs(y) + slack))
      return `${what}[${i}]: ${x}, PyTorch's ${y}`
  }
  return undefined
}

/** A gradient, where null means zeros. */
function gradientDifference(
  what: string,
  have: Tensor | null | undefined,
  part: number,
  want: Stored | null | undefined,
  tolerance: Tolerance,
): string | undefined {
  if (want && have) return difference(what, have, part, want, tolerance, { types: false })
  const rest = want ? elements(part, want) : (have?.toTypedArray() ?? [])
  for (const v of rest)
    if (Math.abs(Number(v)) > tolerance.atol || Number.isNaN(Number(v)))
      return `${what}: ${want ? `none, PyTorch's has ${v}` : `has ${v}, PyTorch's is none`}`
  return undefined
}

/** How a case is run: eagerly, compiled, with gradients of gradients, or on views. */
export type Mode = 'values' | 'compiled' | 'second' | Layout | 'expanded'

export type Outcome = { status: 'pass' } | { status: 'fail' | 'differs' | 'excluded'; why: string }

const first = (e: unknown) => (e instanceof Error ? e.message.split('\n')[0]! : `${e}`)

/** One case in one mode. */
export function runCase(record: Record_, c: Case, entry: Entry, mode: Mode): Outcome {
  if (c.excluded) return { status: 'excluded', why: c.excluded }
  const saved = [c.input, ...c.args, ...Object.values(c.kwargs), c.out].flatMap(flatSaved)
  const complex = saved.some((t) => t instanceof Object && t.dtype.startsWith('complex'))
  if (complex && !entry.complex) return { status: 'excluded', why: 'complex numbers' }
  if (mode === 'expanded' && entry.changes) return { status: 'excluded', why: entry.changes }
  if (mode === 'second' && (!c.grads2 || entry.noGrads || entry.noSecond))
    return {
      status: 'excluded',
      why: entry.noGrads ?? entry.noSecond ?? 'PyTorch has no second derivative',
    }
  try {
    const given = () => bind(entry, ...materials(record, c, 'contiguous').call).bound
    const reason =
      entry.differs?.(given()) ?? (mode === 'second' ? entry.differsSecond?.(given()) : undefined)
    if (reason) return { status: 'differs', why: reason }
    const why =
      mode === 'expanded' ? runExpanded(record, c, entry) : attempt(record, c, entry, mode)
    return why ? { status: 'fail', why } : { status: 'pass' }
  } catch (e) {
    return { status: 'fail', why: first(e) }
  }
}

/** The arguments of a case as tensors, and those of them that are floats in PyTorch's order. */
function materials(record: Record_, c: Case, layout: Layout, change = (t: Tensor) => t) {
  const floats: Tensor[] = []
  const make = (stored: Stored) => {
    const t = change(laid(plain(record.part, stored), layout))
    if (isFloat(t.dtype)) floats.push(t)
    return t
  }
  const args = [revive(c.input, make), ...c.args.map((v) => revive(v, make))]
  const kwargs = Object.fromEntries(Object.entries(c.kwargs).map(([k, v]) => [k, revive(v, make)]))
  const asked = floats.filter((_, i) => c.asked?.[i])
  return { call: [args, kwargs] as [unknown[], Record<string, unknown>], asked }
}

function attempt(record: Record_, c: Case, entry: Entry, mode: Mode): string | undefined {
  const { part } = record
  const tolerance = {
    rtol: record.rtol + (entry.loose?.rtol ?? 0),
    atol: record.atol + (entry.loose?.atol ?? 0),
  }
  const layout = (layouts as readonly string[]).includes(mode) ? (mode as Layout) : 'contiguous'
  const { call, asked } = materials(record, c, layout)
  const { bound, check } = bind(entry, ...call)
  const wants = flatSaved(c.out)
  const graded = Boolean(c.grads) && !entry.noGrads && !record.random && asked.length > 0
  const twice = mode === 'second'
  const cts = (c.cts ?? []).map((t) => plain(part, t))
  const cts2 = (c.cts2 ?? []).map((t) => t && plain(part, t))

  /** Result, gradients, and gradients of gradients. */
  const compute = () => {
    if (graded) for (const t of asked) t.requiresGrad = true
    const have = flat(entry.call(bound))
    check()
    if (!graded) return { have, grads: [], second: [] }
    const floats = have.filter((t): t is Tensor => t instanceof Tensor && isFloat(t.dtype))
    const live = floats.filter((_, i) => c.live?.[i])
    const rooted = live
      .map((t, i) => [t, cts[i]!.to(t.dtype)] as const)
      .filter(([t]) => t.requiresGrad)
    const grads =
      rooted.length === 0
        ? asked.map(() => null)
        : gradients(
            rooted.map(([t]) => t),
            asked,
            rooted.map(([, ct]) => ct),
            { createGraph: twice },
          )
    if (!twice) return { have, grads, second: [] }
    const again = grads
      .map((g, i) => [g, cts2[i]] as const)
      .filter((p): p is readonly [Tensor, Tensor] => Boolean(p[0]?.requiresGrad && p[1]))
    const second =
      again.length === 0
        ? asked.map(() => null)
        : gradients(
            again.map(([g]) => g),
            asked,
            again.map(([, ct]) => ct),
          )
    return { have, grads, second }
  }

  const { have, grads, second } = mode === 'compiled' ? throughCompile(compute) : compute()
  if (have.length !== wants.length) return `${have.length} results, PyTorch gives ${wants.length}`
  for (const [i, want] of wants.entries()) {
    const got = have[i]
    const what = wants.length > 1 ? `result ${i}` : 'result'
    if (want !== null && typeof want === 'object') {
      const t = typeof got === 'number' || typeof got === 'boolean' ? tensor(got) : got
      if (!(t instanceof Tensor)) return `${what}: ${got}, PyTorch gives a tensor`
      const wrong = difference(what, t, part, want, tolerance, {
        shapeOnly: Boolean(record.random),
      })
      if (wrong) return wrong
    } else {
      const plainly = got instanceof Tensor && got.size === 1 ? got.item() : got
      const near =
        typeof want === 'number' && Math.abs(Number(plainly) - want) <= 1e-5 * Math.abs(want)
      if (Number(plainly) !== Number(want) && !near && !Object.is(plainly, want))
        return `${what}: ${plainly}, PyTorch's ${want}`
    }
  }
  if (!graded) return undefined
  for (let i = 0; i < asked.length; i++) {
    const wrong = gradientDifference(`gradient ${i}`, grads[i], part, c.grads![i], tolerance)
    if (wrong) return wrong
  }
  if (!twice) return undefined
  for (let i = 0; i < asked.length; i++) {
    const wrong = gradientDifference(
      `second gradient ${i}`,
      second[i],
      part,
      c.grads2![i],
      tolerance,
    )
    if (wrong) return wrong
  }
  return undefined

  function throughCompile(f: typeof compute) {
    let have: Leaf[] = []
    const slots: (Tensor | null)[] = []
    const step = compile(() => {
      const r = f()
      slots.length = 0
      have = r.have
      slots.push(...r.have.map((t) => (t instanceof Tensor ? t : null)), ...r.grads)
      return slots.filter((t): t is Tensor => t !== null)
    })
    try {
      const out = [...(step() as Tensor[])]
      const filled = slots.map((t) => (t ? out.shift()! : null))
      return {
        have: have.map((v, i) => filled[i] ?? v),
        grads: filled.slice(have.length),
        second: [] as (Tensor | null)[],
      }
    } catch (e) {
      if (!(entry.reads && e instanceof TraceError)) throw e
      // It says so, as it should; the values are those of the eager call.
      return f()
    } finally {
      step.free()
    }
  }
}

/** An expanded view against its contiguous copy: the same results, or the same refusal. */
function runExpanded(record: Record_, c: Case, entry: Entry): string | undefined {
  const widen = (t: Tensor) =>
    noGrad(() =>
      t.rank > 0 && t.shape[t.rank - 1]! > 0 ? t.narrow(t.rank - 1, 0, 1).expand(t.shape) : t,
    )
  const run = (change: (t: Tensor) => Tensor) => {
    try {
      const { call } = materials(record, c, 'contiguous', change)
      return flat(entry.call(bind(entry, ...call).bound))
    } catch (e) {
      return first(e)
    }
  }
  const views = run(widen)
  const copies = run((t) => noGrad(() => widen(t).clone()))
  if (typeof views === 'string' || typeof copies === 'string')
    return views === copies ? undefined : `on an expanded view: ${views}; on its copy: ${copies}`
  if (record.random) return undefined
  for (const [i, a] of views.entries()) {
    const b = copies[i]
    if (!(a instanceof Tensor && b instanceof Tensor)) continue
    if (!sameShape(a.shape, b.shape))
      return `result ${i}: shape [${a.shape}] of the view, [${b.shape}] of its copy`
    const [x, y] = [a.toTypedArray(), b.toTypedArray()]
    for (let k = 0; k < y.length; k++) {
      const [p, q] = [Number(x[k]), Number(y[k])]
      if (p === q || (Number.isNaN(p) && Number.isNaN(q))) continue
      if (!(Math.abs(p - q) <= 1e-5 + 1e-5 * Math.abs(q)))
        return `result ${i}[${k}]: ${p} of the view, ${q} of its copy`
    }
  }
  return undefined
}
