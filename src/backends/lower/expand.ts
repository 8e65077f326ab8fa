/** Writes an expression out, where the body of a kernel is made. */
import type { DType } from '../../core/dtype.js'
import type { Node, Prim } from '../ir.js'
import type { Class, StepFn } from './plan.js'

/** Takes the steps of a body. */
interface Steps {
  step(fn: StepFn, cls: Class, from: DType, to: DType, args: number[]): number
  constant(value: number, dtype: DType): number
}
/** The steps of all results of an expression, by that of its first. */
const several = new WeakMap<Steps, Map<number, readonly number[]>>()

/** The step of an expression's first result, or of another one, whose operand is the first. */
export function step(body: Steps, prim: Prim, cls: Class, args: readonly number[]): number {
  let known = several.get(body)
  if (!known) {
    known = new Map()
    several.set(body, known)
  }
  if (prim.op !== 'expression')
    return known.get(args[0]!)![(prim as Extract<Prim, { op: 'output' }>).index]!
  const { inputs, nodes, outputs } = prim.body
  const at = new Map<Node, number>(inputs.map((x, k) => [x, args[k]!]))
  for (const n of nodes) {
    const own = n.prim as Extract<Prim, { op: 'map' | 'const' }>
    const from = n.inputs[n.inputs.length - 1]
    at.set(
      n,
      own.op === 'const'
        ? body.constant(own.value, n.dtype)
        : body.step(own.fn, cls, from!.dtype, n.dtype, n.inputs.map((x) => at.get(x)!)), // biome-ignore format: a call
    )
  }
  const steps = outputs.map((n) => at.get(n)!)
  known.set(steps[0]!, steps)
  return steps[0]!
}
