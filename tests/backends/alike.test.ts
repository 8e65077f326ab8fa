/** Kernels that are alike share machine code: each on memory of its own, also where one works in place and another not. */
import { expect, test } from 'vitest'
import { nativeBackend } from '../../src/backends/cpu/native.js'
import type { Backend } from '../../src/backends/backend.js'
import { runGraph } from '../../src/backends/reference/index.js'
import { sizeOf } from '../../src/core/shape.js'
import { Builder, randomData, uniform } from '../lower/graphs.js'

const native = nativeBackend()

test.skipIf(!native)('alike kernels on different memory, in place and not', () => {
  const b = new Builder()
  const n = 64
  const w = b.input([n, n])
  const kept = []
  const out = []
  // The same expression over values that are read later and over values that are not, and with one operand twice.
  let x = b.input([n, n])
  for (let i = 0; i < 12; i++) {
    const y = b.map('tanh', b.matmul(x, w))
    const z = b.map('sub', b.map('exp', y), b.map('mul', y, i % 3 === 0 ? y : x))
    if (i % 2 === 0) kept.push(y)
    if (i % 4 === 1) out.push(b.reduce('sum', z, 1))
    x = b.map('sigmoid', z)
  }
  for (const y of kept) x = b.map('add', b.map('mul', x, b.const(0.5)), y)
  const boxes = [b.input([n, n]), b.input([n, n])]
  const moved = boxes.map((p, into) => ({
    node: b.map('sub', p, b.map('mul', b.map('square', x), b.const(0.25))),
    into: into + 2,
  }))
  const graph = b.graph(x, ...out, ...moved)
  const data = randomData(graph, uniform(3))
  const expected = runGraph(graph, data)
  const backend = native as Backend
  const inputs = data.map((a) => backend.from('float32', a.slice()))
  const fresh = graph.outputs.filter((o) => o.into === undefined)
  const outputs = fresh.map(({ node }) => backend.alloc('float32', sizeOf(node.shape)))
  const program = backend.compile(graph)
  program.run(inputs, outputs)
  let next = 0
  graph.outputs.forEach(({ into }, i) => {
    const got = (into === undefined ? outputs[next++]! : inputs[into]!).readNow()
    for (let j = 0; j < got.length; j++) {
      const [a, e] = [Number(got[j]), Number(expected[i]![j])]
      if (Math.abs(a - e) > 1e-4 * (1 + Math.abs(e)))
        expect.fail(`output ${i}, ${j}: ${a}, not ${e}`)
    }
  })
  // Freed once, though several instructions have it.
  program.free()
  program.free()
})
