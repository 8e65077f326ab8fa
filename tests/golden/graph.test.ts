/** Graph layers against the papers' formulas with dense matrices (graph.py), eagerly and compiled, by edges and by matrices. */
import { compile, mul, noGrad, sum, type Tensor } from 'nabla'
import { GATConv, GCNConv, GINConv, RGCNConv, SAGEConv, SparseMatrix } from 'nabla/graph'
import { Linear, type Module } from 'nabla/nn'
import { describe, expect, test } from 'vitest'
import { expectClose, golden, revive } from './fixture.js'

interface Golden {
  layer: 'GCNConv' | 'SAGEConv' | 'GATConv' | 'GINConv' | 'RGCNConv'
  options: Record<string, never>
  x: Tensor
  edgeIndex: Tensor
  edgeType?: Tensor
  extra: Record<string, Tensor>
  state: Record<string, Tensor>
  out: Tensor
  ct: Tensor
  gradX: Tensor
  gradExtra: Record<string, Tensor>
  gradState: Record<string, Tensor>
}
type Layer = Module & { forward(x: Tensor, edges: unknown, ...more: unknown[]): Tensor }

function build({ layer, options, state }: Golden): Layer {
  const made = {
    GCNConv: () => new GCNConv(3, 2, options),
    SAGEConv: () => new SAGEConv(3, 2, options),
    GATConv: () => new GATConv(3, 2, options),
    GINConv: () => new GINConv(new Linear(3, 2), options),
    RGCNConv: () => new RGCNConv(3, 2, 3, options),
  }[layer]() as unknown as Layer
  expect(Object.keys(made.stateDict()).sort()).toEqual(Object.keys(state).sort())
  noGrad(() => made.loadStateDict(state))
  return made
}
const cases = golden('graph')
test('there are cases of every layer', () => expect(cases.length).toBeGreaterThan(20))

describe.each([false, true])('compiled: %s', (compiled) => {
  test.each(cases)('$name', (raw) => {
    const c = revive(raw) as Golden
    const layer = build(c)
    const { x, edgeIndex, extra } = c
    for (const t of [x, ...Object.values(extra)]) t.requiresGrad = true
    const more = c.edgeType ? [c.edgeType] : Object.values(extra)
    const given = [x, ...Object.values(extra), ...layer.parameters()]
    const run = () => {
      const y = layer.forward(x, edgeIndex, ...more)
      sum(mul(y, c.ct)).backward()
      return y
    }
    const out = (compiled ? compile(run) : run)()
    const grads = given.map((t) => t.grad!)
    expectClose(out, c.out, 1e-5)
    const want = [c.gradX, ...Object.values(c.gradExtra)]
    want.forEach((t, i) => {
      expectClose(grads[i]!, t, 2e-5, `gradient ${i}`)
    })
    layer.namedParameters().forEach(([name], i) => {
      expectClose(grads[want.length + i]!, c.gradState[name]!, 2e-5, `gradient of ${name}`)
    })
  })
})

test.each(
  cases.filter(
    (c) => ['GCNConv', 'SAGEConv', 'GINConv'].includes(c.layer as string) && c.name !== 'sage max',
  ),
)('$name by a sparse matrix', (raw) => {
  const c = revive(raw) as Golden
  const layer = build(c)
  const matrix = SparseMatrix.fromEdges(c.edgeIndex, c.extra.edgeWeight ?? null, { numNodes: 6 })
  c.x.requiresGrad = true
  const out = layer.forward(c.x, matrix)
  expectClose(out, c.out, 1e-5)
  sum(mul(out, c.ct)).backward()
  expectClose(c.x.grad!, c.gradX, 2e-5)
})
