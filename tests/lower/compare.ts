import { expect } from 'vitest'
import { encode, type Layers } from '../../src/backends/cpu/encode.js'
import type { Graph } from '../../src/backends/ir.js'
import { runGraph } from '../../src/backends/reference/index.js'
import type { TypedArray } from '../../src/core/dtype.js'
import { interpret } from './interpret.js'

/** Sums of float32 may be taken in another order. */
export function compare(
  graph: Graph,
  data: readonly TypedArray[],
  what: string,
  oracle = graph,
  layers?: Layers,
): void {
  const expected = runGraph(oracle, data)
  const { outputs } = interpret(encode(graph, layers), graph, data)
  outputs.forEach((out, i) => {
    const want = expected[i]!
    expect(out.length).toBe(want.length)
    for (let j = 0; j < out.length; j++) {
      const [x, y] = [out[j]!, want[j]!]
      if (Object.is(x, y) || x === y || Math.abs(x - y) <= 1e-4 * (1 + Math.abs(y))) continue
      expect.fail(`${what}, output ${i}, element ${j}: ${x} instead of ${y}`)
    }
  })
}
