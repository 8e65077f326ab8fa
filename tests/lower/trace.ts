import type { Graph } from '../../src/backends/ir.js'
import { referenceBackend } from '../../src/backends/reference/index.js'
import { setBackend } from '../../src/backends/registry.js'
import { compile } from '../../src/compile/compile.js'
import '../../src/index.js'

// Tensors of the tests live where graphs can be had.
setBackend('reference')

/** The graph that `compile` makes of a function of nothing. */
export function traced(fn: () => unknown): Graph {
  const backend = referenceBackend()
  const own = backend.compile
  const graphs: Graph[] = []
  const compiled = compile(fn)
  backend.compile = (graph) => {
    graphs.push(graph)
    return { run() {}, explain: () => '', arenaBytes: 0, free() {} }
  }
  try {
    compiled()
  } finally {
    backend.compile = own
  }
  // Tensors may be made on the way, each by a small program; the traced one comes last.
  return graphs.at(-1)!
}
