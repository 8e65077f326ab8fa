/** A diagram of a network: its layers, and how tensors flow between them. */
import { isFloat } from '../core/dtype.js'
import { show, ValueError } from '../core/errors.js'
import { checkOptions, isPlainObject } from '../core/options.js'
import { grouped } from '../core/text.js'
import type { Shape } from '../core/shape.js'
import type { Module } from '../nn/module.js'
import { type GradNode, Tensor } from '../ops/tensor.js'
import { withState } from '../ops/state.js'
import { el, picture, text, widthOf } from '../plot/svg.js'
import { zeros } from '../tensor/creation.js'
import { untouched } from './untouched.js'

export interface PlotModelOptions {
  /** Modules at this depth of the model are drawn as one box each; layers when not given. */
  depth?: number
  title?: string
}

/** A box of the diagram. */
export interface ModelNode {
  kind: 'input' | 'layer' | 'operation' | 'output'
  /** The path of a layer, the name of an operation. */
  name: string
  /** The class of a layer. */
  type: string
  shape: string
  parameters: number
  /** Indices of the boxes whose outputs are its inputs. */
  from: number[]
}

const tensorsIn = (value: unknown): Tensor[] =>
  value instanceof Tensor
    ? [value]
    : Array.isArray(value)
      ? value.flatMap(tensorsIn)
      : isPlainObject(value)
        ? Object.values(value).flatMap(tensorsIn)
        : []
const shapesOf = (list: readonly Tensor[]) => list.map((t) => show(t.shape)).join(' ')
const MOST = 500

/**
 * The layers of a forward pass in order, the operations between them, and the connections. The
 * model runs once in evaluation mode (a shape stands for zeros of float32) and is afterwards as it was.
 * @throws ValueError for more than 500 boxes
 */
export function modelGraph(
  model: Module & { forward(...inputs: never[]): unknown },
  inputs: readonly (Shape | Tensor)[],
  depth = Number.POSITIVE_INFINITY,
): ModelNode[] {
  const nodes: ModelNode[] = []
  const producer = new Map<Tensor, number>()
  const operations = new Map<GradNode, number>()
  const add = (node: ModelNode): number => {
    if (nodes.length >= MOST)
      throw new ValueError({
        op: 'plotModel',
        rule: `a diagram has at most ${MOST} boxes`,
        got: 'more',
        fix: 'Pass { depth: 1 } to see its parts as one box each.',
      })
    return nodes.push(node) - 1
  }
  /** The box that a tensor comes from; undefined for parameters and constants. */
  const from = (t: Tensor): number | undefined => {
    const known = producer.get(t)
    if (known !== undefined || !t.gradNode) return known
    const g = t.gradNode
    let i = operations.get(g)
    if (i === undefined) {
      const sources = unique(g.inputs.map(from))
      if (sources.length === 0) return undefined
      i = add({
        kind: 'operation',
        name: g.op.name,
        type: '',
        shape: shapesOf(g.outputs),
        parameters: 0,
        from: sources,
      })
      operations.set(g, i)
    }
    return i
  }
  const tensors = inputs.map((x, i) => {
    const own = x instanceof Tensor ? x.detach().clone() : zeros(x)
    // Operations remember each other only where a gradient is wanted.
    if (isFloat(own.dtype)) own.requiresGrad = true
    const name = inputs.length === 1 ? 'input' : `input ${i + 1}`
    producer.set(
      own,
      add({ kind: 'input', name, type: '', shape: show(own.shape), parameters: 0, from: [] }),
    )
    return own
  })
  const level = (path: string) => (path === '' ? 0 : path.split('.').length)
  const boxes = [...model.namedModules()].filter(
    ([path, m]) => level(path) === depth || (level(path) < depth && m.namedChildren().next().done),
  )
  const stops = boxes.map(([path, m]) =>
    m.onForward((_m, given, output) => {
      const sources = unique(tensorsIn(given).map(from))
      const outputs = tensorsIn(output)
      const type = m.constructor.name
      const i = add({
        kind: 'layer',
        name: path || type,
        type,
        shape: shapesOf(outputs),
        parameters: m.parameterCount(),
        from: sources,
      })
      for (const t of outputs) producer.set(t, i)
    }),
  )
  try {
    untouched(model, () => {
      model.eval()
      const out = withState('gradEnabled', true, () =>
        (model.forward as (...xs: Tensor[]) => unknown)(...tensors),
      )
      const results = tensorsIn(out)
      add({
        kind: 'output',
        name: 'output',
        type: '',
        shape: shapesOf(results),
        parameters: 0,
        from: unique(results.map(from)),
      })
    })
  } finally {
    for (const stop of stops) stop()
  }
  return nodes
}
const unique = (list: readonly (number | undefined)[]): number[] => [
  ...new Set(list.filter((i) => i !== undefined)),
]

const LINE = 14
const PAD = 10
const GAP = { x: 28, y: 30 }
const fills: Record<ModelNode['kind'], string> = {
  input: '#eee',
  output: '#eee',
  layer: '#dbe9f6',
  operation: 'white',
}

/**
 * The model as a picture, SVG as text: a box for each layer with its class, parameters and output shape, a small
 * one for each operation between them, and lines from outputs to inputs. `svgToPng` and `saveChart` of
 * nabla/plot make it a PNG.
 * @throws ValueError for more than 500 boxes, and for options that do not exist
 * @example await saveChart('model.png', plotModel(model, [[1, 1, 28, 28]]))
 */
export function plotModel(
  model: Module & { forward(...inputs: never[]): unknown },
  inputs: readonly (Shape | Tensor)[],
  options: PlotModelOptions = {},
): string {
  const { depth, title } = checkOptions('plotModel', options, ['depth', 'title'])
  if (depth !== undefined && !(Number.isInteger(depth) && depth >= 0))
    throw new ValueError({
      op: 'plotModel',
      rule: 'depth is a whole number from 0 up',
      got: `${depth}`,
    })
  return drawGraph(modelGraph(model, inputs, depth), title)
}

/** Boxes, each after its inputs, as a picture. */
export function drawGraph(nodes: readonly ModelNode[], title?: string): string {
  const lines = nodes.map((n) => [
    n.kind === 'layer' && n.name !== n.type ? `${n.name}: ${n.type}` : n.name,
    ...(n.shape ? [n.shape] : []),
    ...(n.parameters > 0 ? [`${grouped(n.parameters)} parameters`] : []),
  ])
  const widths = lines.map((l) => Math.max(60, ...l.map((s) => widthOf(s, 11))) + 2 * PAD)
  const heights = lines.map((l) => l.length * LINE + 2 * PAD - 4)
  // A box is placed below all of its inputs.
  const ranks: number[] = []
  for (const n of nodes) ranks.push(Math.max(-1, ...n.from.map((i) => ranks[i]!)) + 1)
  const rows = Array.from({ length: Math.max(...ranks) + 1 }, (_, r) =>
    ranks.flatMap((own, i) => (own === r ? [i] : [])),
  )
  const rowWidth = (row: number[]) => row.reduce((w, i) => w + widths[i]! + GAP.x, -GAP.x)
  // Lines that pass other boxes run along the side.
  const margin =
    24 + 10 * nodes.filter((n, i) => n.from.some((j) => ranks[i]! - ranks[j]! > 1)).length
  const width = Math.max(...rows.map(rowWidth), title ? widthOf(title, 13) : 0) + 2 * margin
  const places: { x: number; y: number }[] = []
  let y = title ? 40 : 16
  for (const row of rows) {
    let x = (width - rowWidth(row)) / 2
    for (const i of row) {
      places[i] = { x, y }
      x += widths[i]! + GAP.x
    }
    y += Math.max(...row.map((i) => heights[i]!)) + GAP.y
  }
  const height = y - GAP.y + 16
  const parts: string[] = []
  let side = 0
  nodes.forEach((n, i) => {
    for (const j of n.from) {
      const [a, b] = [places[j]!, places[i]!]
      const [x1, y1] = [a.x + widths[j]! / 2, a.y + heights[j]!]
      const [x2, y2] = [b.x + widths[i]! / 2, b.y]
      const long = ranks[i]! - ranks[j]! > 1
      const x = width - margin + 12 + 10 * side
      if (long) side++
      const d = long
        ? `M${x1} ${y1} C${x1} ${y1 + 24} ${x} ${y1} ${x} ${y1 + 30} L${x} ${y2 - 30} C${x} ${y2} ${x2} ${y2 - 24} ${x2} ${y2}`
        : `M${x1} ${y1} C${x1} ${y1 + GAP.y / 2} ${x2} ${y2 - GAP.y / 2} ${x2} ${y2}`
      parts.push(el('path', { d, fill: 'none', stroke: '#888', 'stroke-width': 1.2 }))
      parts.push(
        el('path', {
          d: `M${x2 - 4} ${y2 - 7} L${x2} ${y2} L${x2 + 4} ${y2 - 7}`,
          fill: 'none',
          stroke: '#888',
        }),
      )
    }
  })
  nodes.forEach((n, i) => {
    const { x, y: top } = places[i]!
    parts.push(
      el('rect', {
        x,
        y: top,
        width: widths[i]!,
        height: heights[i]!,
        rx: n.kind === 'layer' ? 4 : 12,
        fill: fills[n.kind],
        stroke: '#789',
      }),
      ...lines[i]!.map((line, k) =>
        text(line, x + widths[i]! / 2, top + PAD + LINE * k + 8, {
          'text-anchor': 'middle',
          'font-weight': k === 0 ? 'bold' : undefined,
          room: widths[i]! - 4,
        }),
      ),
    )
  })
  if (title) parts.push(text(title, width / 2, 22, { size: 13, 'text-anchor': 'middle' }))
  return picture(Math.ceil(width), Math.ceil(height), ...parts)
}
