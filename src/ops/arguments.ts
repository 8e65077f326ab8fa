/** Arguments that an operation cannot read: how many there are, and of what kind. */
import { NablaError, show, ValueError } from '../core/errors.js'
import { isPlainObject, type PlacesOr, showValue } from '../core/options.js'
import { Tensor } from './tensor.js'

type AnyFunction = (...args: never[]) => unknown

const counts = new WeakMap<AnyFunction, number>()
/**
 * How many arguments a function reads. `length` stops at the first that has a default, so the list of parameters in the
 * function's text is counted; with `...rest`, or where a runtime keeps no text, there is no limit.
 */
export function mostArguments(f: AnyFunction): number {
  let most = counts.get(f)
  if (most === undefined) {
    most = countParameters(Function.prototype.toString.call(f))
    counts.set(f, Math.max(most, f.length))
  }
  return counts.get(f)!
}
function countParameters(text: string): number {
  const source = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
  if (source.includes('[native code]')) return Number.POSITIVE_INFINITY
  if (/^(async\s+)?[\w$]+\s*=>/.test(source)) return 1
  let [depth, count, filled] = [0, 0, false]
  for (let i = source.indexOf('('); i >= 0 && i < source.length; i++) {
    const c = source[i]!
    if (depth === 1 && source.startsWith('...', i)) return Number.POSITIVE_INFINITY
    if ('([{'.includes(c)) depth++
    else if (')]}'.includes(c)) depth--
    if (depth === 0) return count + (filled ? 1 : 0)
    if (depth === 1 && c === ',') [count, filled] = [count + 1, false]
    else if (!/\s/.test(c) && !(depth === 1 && c === '(')) filled = true
  }
  return Number.POSITIVE_INFINITY
}

/** `list.map(relu)` calls with the index and the list besides; that is no mistake. */
const byMap = (args: readonly unknown[]) =>
  args.length === 3 && Array.isArray(args[2]) && args[2][args[1] as number] === args[0]

/** @throws ValueError for arguments that the function would not look at */
export function checkCount(op: string, f: AnyFunction, args: readonly unknown[]): void {
  const most = mostArguments(f)
  let count = args.length
  while (count > most && args[count - 1] === undefined) count--
  if (count <= most || byMap(args)) return
  throw new ValueError({
    op,
    rule: `it takes ${most} ${most === 1 ? 'argument' : 'arguments'}`,
    got: `${count}: ${shown(args)}`,
    ...advice(args),
  })
}

const shown = (args: readonly unknown[]) =>
  args.map((a) => (a instanceof Tensor ? `${a.dtype} ${show(a.shape)}` : showValue(a))).join(', ')

/** What was most likely meant. */
function advice(args: readonly unknown[]): { fix?: string } {
  const first = args.findIndex((_, i) => args.slice(i).every((v) => typeof v === 'number'))
  if (first >= 0 && args.length - first > 1)
    return { fix: `A shape or a list of axes is one argument: [${args.slice(first).join(', ')}].` }
  if (isPlainObject(args[args.length - 1]))
    return { fix: 'There are no options here, or an argument before them is missing.' }
  return {}
}

/** `f(x, w, { stride: 2 })`, where a tensor may stand before the options: without it they take its position. */
export const operandThenOptions = <O>(
  first: Tensor | null | undefined | O,
  rest: PlacesOr<O>,
): [Tensor | null, PlacesOr<O>] =>
  isPlainObject(first) ? [null, [first as O, ...rest]] : [(first as Tensor) ?? null, rest]

/** @throws ValueError unless all are tensors, null or left out */
export function requireTensors(op: string, ...tensors: unknown[]): void {
  for (const t of tensors)
    if (t !== null && t !== undefined && !(t instanceof Tensor)) throw misread(op, tensors)
}

/** @throws ValueError unless all are tensors */
export function requireOperands(op: string, ...tensors: unknown[]): void {
  if (!tensors.every((t) => t instanceof Tensor)) throw misread(op, tensors)
}

/** The error for arguments of another kind than the operation reads; its own errors are left as they are. */
export function misread(op: string, args: readonly unknown[], cause?: unknown): unknown {
  if (cause !== undefined && (cause instanceof NablaError || !isKindError(cause))) return cause
  return new ValueError(
    {
      op,
      rule: 'an argument is missing or of another kind than the operation takes',
      got: args.length > 0 ? shown(args) : 'none',
      ...advice(args),
    },
    { cause },
  )
}
/** What JavaScript throws when a value is not of the kind that it was taken for. */
const isKindError = (error: unknown) => error instanceof TypeError || error instanceof RangeError
