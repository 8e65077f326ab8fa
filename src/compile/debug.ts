/** Finds what a program has frozen: by comparing two traces, and a run of it with one of the function as it stands. */
import type { Backend, Executable } from '../backends/backend.js'
import type { Call } from '../backends/call.js'
import type { Node } from '../backends/ir.js'
import type { DType } from '../core/dtype.js'
import { show, TraceError } from '../core/errors.js'
import { extra } from '../core/extras.js'
import type {} from '../backends/lower/explain.js'
import { showValue } from '../core/options.js'
import { type Shape, sameShape } from '../core/shape.js'
import { leaves } from '../core/tree.js'
import { Tensor } from '../ops/tensor.js'
import type { Capture } from './recorder.js'

/** A trace as it was recorded. */
export interface Traced {
  nodes: readonly Node[]
  captured: readonly Tensor[]
}

/** What a program tells of itself. */
export interface Described {
  captures: readonly Capture[]
  written: readonly Capture[]
  fresh: readonly { shape: Shape; dtype: DType }[]
  executable: Executable | undefined
  backend: Backend
}

/** The steps of a plan, or what the reference backend says of its graph. */
const stepsOf = (e: Executable | undefined): string =>
  e?.source ? extra('explain')(e.source.plan) : (e?.explain?.() ?? 'nothing to compute')

const fix =
  'Numbers, lists, Math.random() and if are frozen when compile traces: pass what changes as an argument, keep it in a tensor, or draw it with rand().'

function differs(label: Call | string, before: string, now: string): never {
  throw new TraceError({
    op: 'compile',
    rule: 'the function must compute what it computed when it was traced',
    got: `at ${`${label}` || 'the start'}: traced ${before}, now ${now}`,
    fix,
  })
}

/** A node without what changes from trace to trace: the number of an input. */
const text = ({ prim, shape, dtype }: Node): string =>
  prim.op === 'const'
    ? `the number ${prim.value}`
    : prim.op === 'input'
      ? `a ${dtype} tensor ${show(shape)}`
      : prim.op === 'loop'
        ? `a loop of ${prim.loop.count ?? 'any number of'} steps: ${prim.loop.nodes.map(text).join('; ')}`
        : `${JSON.stringify(prim)} of ${dtype}${show(shape)}`

/** @throws TraceError where the second trace is the first that is another than before */
function compareTraces(before: Traced, now: Traced): void {
  const n = Math.max(before.nodes.length, now.nodes.length)
  let inputs = 0
  for (let i = 0; i < n; i++) {
    const [a, b] = [before.nodes[i], now.nodes[i]]
    if (!a || !b)
      differs((a ?? b)!.label, a ? text(a) : 'nothing more', b ? text(b) : 'nothing more')
    if (text(a) !== text(b)) {
      // A number has no place of its own: it is named by the operation that takes it.
      const user = b.prim.op === 'const' && now.nodes.find((o) => o.inputs.includes(b))
      differs(user ? user.label : b.label, text(a), text(b))
    }
    if (a.prim.op === 'input') {
      const [was, is] = [before.captured[inputs], now.captured[inputs]]
      inputs++
      // Arguments are other tensors at each call; what is captured is the same as long as it has a place of its own.
      if (was !== is && was?.shape !== undefined && is && !sameShape(was.shape, is.shape))
        differs(b.label, text(a), text(b))
    }
  }
}

const copy = (t: Tensor) => t.toStored()
function put(t: Tensor, values: ReturnType<typeof copy>): void {
  // What the program changes lies in row-major order; see compile.ts.
  t.storage!.write(values, t.offset)
}

/** Where two lists of numbers differ by more than rounding: 1e-4 of the largest. */
function differenceOf(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = 1e-30
  for (let i = 0; i < b.length; i++)
    if (Number.isFinite(b[i]!)) largest = Math.max(largest, Math.abs(b[i]!))
  for (let i = 0; i < b.length; i++) {
    if (Object.is(a[i], b[i]) || a[i] === b[i]) continue
    if (!(Math.abs(a[i]! - b[i]!) <= 1e-4 * largest)) return i
  }
  return -1
}

const isTensor = (v: unknown): v is Tensor => v instanceof Tensor

/**
 * Runs both from the same state and compares what they return, the tensors that they change, and gradients.
 * @throws TraceError at the first difference
 */
function compareWithEager<R>(
  written: readonly Tensor[],
  graded: readonly Tensor[],
  program: () => R,
  eager: () => R,
): R {
  const before = written.map(copy)
  const gradsBefore = graded.map((t) => t.rawGrad)
  const result = program()
  const after = written.map(copy)
  const grads = graded.map((t) => t.rawGrad)
  written.forEach((t, i) => {
    put(t, before[i]!)
  })
  graded.forEach((t, i) => {
    t.rawGrad = gradsBefore[i]!
  })
  const plain = eager()
  const compare = (what: string, a: ArrayLike<number>, b: ArrayLike<number>) => {
    const at = a.length === b.length ? differenceOf(a, b) : 0
    if (at >= 0) differs(`${what}, element ${at}`, `${a[at]}`, `${b[at]}`)
  }
  const [mine, theirs] = [[...leaves(result, isTensor)], [...leaves(plain, isTensor)]]
  if (mine.length !== theirs.length) differs('the result', showValue(result), showValue(plain))
  mine.forEach(([path, t], i) => {
    compare(path === '' ? 'the result' : `the result's ${path}`, copy(t), copy(theirs[i]![1]))
  })
  written.forEach((t, i) => {
    compare(`a tensor ${show(t.shape)} that it changes`, after[i]!, copy(t))
  })
  graded.forEach((t, i) => {
    const [g, other] = [grads[i], t.rawGrad]
    if (g && other) compare(`the gradient of a tensor ${show(t.shape)}`, copy(g), copy(other))
    t.rawGrad = g ?? null
  })
  return result
}

/** A program as text: what comes in, what changes, what comes out, then its instructions. */
function describe(v: Described, title: string): string {
  const kind = (t: { dtype: string; shape: Shape }) => `${t.dtype}${show(t.shape)}`
  const list = (name: string, parts: readonly { dtype: string; shape: Shape }[]) => {
    const counts = new Map<string, number>()
    for (const p of parts) counts.set(kind(p), (counts.get(kind(p)) ?? 0) + 1)
    const texts = [...counts].map(([text, n]) => (n === 1 ? text : `${n} × ${text}`))
    return parts.length > 0 ? [`  ${name.padEnd(7)} ${texts.join(', ')}`] : []
  }
  const written = new Set(v.written)
  return [
    `${title}, backend ${v.backend.name}`,
    ...list(
      'reads',
      v.captures.filter((b) => !written.has(b)).map((b) => b.tensor),
    ),
    ...list(
      'updates',
      v.written.map((b) => b.tensor),
    ),
    ...list('gives', v.fresh),
    stepsOf(v.executable),
  ].join('\n')
}

/** Runs a program beside the function that it was traced from, of which `again` is another trace. @throws TraceError at a difference */
function compared<R>(
  v: Described & { traced?: Traced | undefined },
  again: Traced,
  tensors: readonly Tensor[],
  program: () => R,
  eager: () => R,
): R {
  compareTraces(v.traced!, again)
  const written = v.written.map((b) => b.find(tensors)!)
  const graded = v.captures.map((b) => b.tensor)
  return compareWithEager(written, graded, program, eager)
}

/** All programs of a function, and why they were traced again. */
const describeAll = (programs: readonly Described[], reasons: readonly string[]): string =>
  [
    ...programs.map((v, i) => describe(v, `program ${i + 1} of ${programs.length}`)),
    ...reasons.map((reason) => `traced again: ${reason} has changed`),
  ].join('\n\n')

export const compileTools = { compared, describeAll }
declare module '../core/extras.js' {
  interface Extras {
    compileTools: typeof compileTools
  }
}
