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
  const start = source.indexOf('(') + 1
  if (start === 0) return Number.POSITIVE_INFINITY
  // Without what stands in brackets within the list, its end is the first bracket.
  let [list, before] = [source.slice(start), '']
  while (list !== before) {
    before = list
    list = list.replace(/[([{][^()[\]{}]*[)\]}]/g, '0')
  }
  const parameters = list.split(')')[0]!
  return parameters.includes('...')
    ? Number.POSITIVE_INFINITY
    : parameters.split(',').filter((p) => p.trim()).length
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
  const fix = advice(args)
  throw new ValueError({
    op,
    rule: `it takes ${most} ${most === 1 ? 'argument' : 'arguments'}`,
    got: `${count}: ${shown(args)}`,
    ...(fix && { fix }),
  })
}

const shown = (args: readonly unknown[]) =>
  args.map((a) => (a instanceof Tensor ? `${a.dtype} ${show(a.shape)}` : showValue(a))).join(', ')

/** What was most likely meant. */
function advice(args: readonly unknown[]): string | undefined {
  const first = args.findIndex((_, i) => args.slice(i).every((v) => typeof v === 'number'))
  if (first >= 0 && args.length - first > 1)
    return `A shape or a list of axes is one argument: [${args.slice(first).join(', ')}].`
  return isPlainObject(args[args.length - 1])
    ? 'There are no options here, or an argument before them is missing.'
    : undefined
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
  const fix = advice(args)
  return new ValueError(
    {
      op,
      rule: 'an argument is missing or of another kind than the operation takes',
      got: args.length > 0 ? shown(args) : 'none',
      ...(fix && { fix }),
    },
    { cause },
  )
}
/** What JavaScript throws when a value is not of the kind that it was taken for. */
const isKindError = (error: unknown) => error instanceof TypeError || error instanceof RangeError
