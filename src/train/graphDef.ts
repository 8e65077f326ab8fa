/** The graph of an event file (GraphDef) as boxes: its operations, put together by their scopes where there are many. */
import { bytesOnly, fieldsOf } from './eventFile.js'
import type { ModelNode } from './plotModel.js'

interface GraphNode {
  name: string
  op: string
  inputs: string[]
}
const text = (v: number | Uint8Array) => new TextDecoder().decode(bytesOnly(v))

function nodesOf(graph: Uint8Array): GraphNode[] {
  const nodes: GraphNode[] = []
  for (const [field, value] of fieldsOf(graph)) {
    if (field !== 1) continue
    const node: GraphNode = { name: '', op: '', inputs: [] }
    for (const [f, v] of fieldsOf(bytesOnly(value)))
      if (f === 1) node.name = text(v)
      else if (f === 2) node.op = text(v)
      // `name:1` is an output, `^name` an order only.
      else if (f === 3 && !text(v).startsWith('^')) node.inputs.push(text(v).replace(/:\d+$/, ''))
    nodes.push(node)
  }
  return nodes
}

/** At most `most` boxes: the deepest scopes whose number fits. Undefined for a graph without nodes. */
export function graphBoxes(graph: Uint8Array, most = 60): ModelNode[] | undefined {
  const nodes = nodesOf(graph)
  if (nodes.length === 0) return undefined
  const deepest = Math.max(...nodes.map((n) => n.name.split('/').length))
  const scope = (name: string, depth: number) => name.split('/').slice(0, depth).join('/')
  let depth = deepest
  while (depth > 1 && new Set(nodes.map((n) => scope(n.name, depth))).size > most) depth--
  const boxes = new Map<string, { members: GraphNode[]; from: Set<string> }>()
  for (const node of nodes) {
    const name = scope(node.name, depth)
    const box = boxes.get(name) ?? { members: [], from: new Set<string>() }
    boxes.set(name, box)
    box.members.push(node)
    for (const input of node.inputs)
      if (scope(input, depth) !== name) box.from.add(scope(input, depth))
  }
  // Each after its inputs; a loop of scopes is cut where it closes.
  const order: string[] = []
  const state = new Map<string, 'open' | 'done'>()
  const visit = (first: string) => {
    const stack: [string, Iterator<string>][] = []
    const enter = (name: string) => {
      if (!boxes.has(name) || state.has(name)) return
      state.set(name, 'open')
      stack.push([name, boxes.get(name)!.from.values()])
    }
    enter(first)
    while (stack.length > 0) {
      const [name, inputs] = stack.at(-1)!
      const next = inputs.next()
      if (!next.done) enter(next.value)
      else {
        state.set(name, 'done')
        order.push(name)
        stack.pop()
      }
    }
  }
  for (const name of boxes.keys()) visit(name)
  const shown = order.slice(0, most)
  const place = new Map(shown.map((name, i) => [name, i]))
  return shown.map((name, i) => {
    const { members, from } = boxes.get(name)!
    const alone = members.length === 1
    return {
      kind: from.size === 0 ? 'input' : alone ? 'operation' : 'layer',
      name: name.split('/').slice(-2).join('/'),
      type: alone ? members[0]!.op : `${members.length} operations`,
      shape: alone ? members[0]!.op : '',
      parameters: 0,
      from: [...from].flatMap((f) => {
        const at = place.get(f)
        return at !== undefined && at < i ? [at] : []
      }),
    }
  })
}
