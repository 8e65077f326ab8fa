/** Whole graphs on the CPU backends, with every instruction set here, against the reference backend. */
import { describe, expect, test } from 'vitest'
import { hostArray } from '../../src/backends/host.js'
import type { Backend } from '../../src/backends/backend.js'
import { NativeBackend } from '../../src/backends/cpu/native.js'
import { loadAddon } from '../../src/backends/cpu/platform.node.js'
import { wasmBackend } from '../../src/backends/cpu/wasm.js'
import type { Graph } from '../../src/backends/ir.js'
import { runGraph } from '../../src/backends/reference/index.js'
import type { TypedArray } from '../../src/core/dtype.js'
import { sizeOf } from '../../src/core/shape.js'
import { randomData, randomGraph, uniform } from '../lower/graphs.js'

function check(backend: Backend, graph: Graph, data: readonly TypedArray[], what: string): void {
  const expected = runGraph(graph, data)
  const inputs = data.map((a, i) => {
    const node = graph.inputs.find((n) => n.prim.op === 'input' && n.prim.index === i)!
    return backend.from(node.dtype, a.slice())
  })
  const fresh = graph.outputs.filter((o) => o.into === undefined)
  const outputs = fresh.map(({ node }) => backend.alloc(node.dtype, sizeOf(node.shape)))
  const program = backend.compile(graph)
  program.run(inputs, outputs)
  let next = 0
  graph.outputs.forEach(({ into, node }, i) => {
    const got = hostArray(into === undefined ? outputs[next++]! : inputs[into]!)
    const want = expected[i]!
    let nudged: TypedArray | undefined
    for (let j = 0; j < sizeOf(node.shape); j++) {
      const [x, y] = [got[j]!, want[j]!]
      if (Object.is(x, y) || x === y || Math.abs(x - y) <= 1e-4 * (1 + Math.abs(y))) continue
      // Some graphs magnify rounding: how far does the last bit of the inputs move the result?
      nudged ??= runGraph(graph, data.map(nudge))[i]!
      if (Math.abs(x - y) <= 8 * Math.abs(nudged[j]! - y)) continue
      expect.fail(`${what}, output ${i} (${node.label}), element ${j}: ${x} instead of ${y}`)
    }
  })
  program.free()
}

const nudge = (a: TypedArray) =>
  a instanceof Float32Array ? a.map((x, i) => x * (1 + (i % 2 ? 1.2e-7 : -1.2e-7))) : a

const seeds = Number(process.env.NABLA_SEEDS ?? 150)

const { addon } = loadAddon()
const backends: [string, Backend][] = [
  ...(addon?.isas() ?? []).map((isa): [string, Backend] => [isa, new NativeBackend(addon!, isa)]),
  ['wasm', wasmBackend()],
]

describe.each(backends)('%s', (_, backend) => {
  test.each([3, 10, 40])('random graphs of %i nodes', (size) => {
    for (let seed = 1; seed <= seeds; seed++) {
      const graph = randomGraph(1000 * size + seed, size)
      check(backend, graph, randomData(graph, uniform(seed)), `seed ${1000 * size + seed}`)
    }
  })
})
