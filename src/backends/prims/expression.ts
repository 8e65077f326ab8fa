/**
 * An elementwise expression of several operands, with several results, as one value: what an optimizer does to a
 * parameter. The compiler keeps it whole until it writes the body of a kernel, and that is written once for all that are
 * alike. compile/expressions.ts makes them.
 */
import { newArray, type TypedArray } from '../../core/dtype.js'
import { sizeOf } from '../../core/shape.js'
import type { Node } from '../ir.js'
import { elementwisePrims } from './elementwise.js'
import type { Computed, Records } from './record.js'

export interface Expression {
  /** What stands for the operands. */
  readonly inputs: readonly Node[]
  /** Elementwise primitives and numbers, producers first; their shapes mean nothing. */
  readonly nodes: readonly Node[]
  /** Nodes of the list. */
  readonly outputs: readonly Node[]
  /** By operand: does a sum or difference read it? */
  readonly summed: readonly boolean[]
}

export interface ExpressionPrims {
  /**
   * The operands broadcast to the shape of the first, which all results have. `fn` is a name that no other expression has:
   * the functions in it, and a word that begins with `#`, as do the names of further results.
   */
  expression: { fn: string; body: Expression }
}

const computed = ({ prim }: Node) => prim.op === 'map'

export const expressionPrims = {
  expression: {
    gives: ({ body }, [x]) => ({ shape: x!.shape, dtype: body.outputs[0]!.dtype }),
    more: ({ body }, { shape }) => body.outputs.slice(1).map(({ dtype }) => ({ shape, dtype })),
    flops: ({ body }, _, out) => sizeOf(out) * body.nodes.filter(computed).length,
    as: 'fused',
    batch: 'unrolled',
    reference({ prim, inputs, shape }, args, outputs) {
      const { body } = prim
      const values = new Map<Node, { node: Node; data: TypedArray }>()
      body.inputs.forEach((x, k) => {
        values.set(x, { node: { ...x, shape: inputs[k]!.shape }, data: args[k]! })
      })
      for (const n of body.nodes) {
        const own = n.prim.op === 'const' ? [] : shape
        const data = newArray(n.dtype, sizeOf(own))
        const node = { ...n, shape: own, inputs: n.inputs.map((x) => values.get(x)!.node) }
        values.set(n, { node, data })
        if (n.prim.op === 'const') data.fill(n.prim.value as never)
        else
          elementwisePrims.map.reference(
            node as Computed<'map'>,
            n.inputs.map((x) => values.get(x)!.data) as never,
            [data] as never,
          )
      }
      body.outputs.forEach((n, i) => {
        outputs[i]!.set(values.get(n)!.data as never)
      })
    },
  },
} satisfies Records<keyof ExpressionPrims>
