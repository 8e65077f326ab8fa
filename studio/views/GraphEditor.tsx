/** A graph that is drawn by hand, by the pointer or by the keyboard. */
import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import { type Text, t } from '../text.js'
import { GraphPicture, nodeAt, type Place } from './GraphPicture.js'

export interface Drawn {
  /** Place, and 0, 1, or -1 for one whose class is not told. */
  nodes: number[][]
  edges: number[][]
}
export const MOST_NODES = 24
export const MOST_EDGES = 80

const tools = {
  draw: ['Nodes and edges', '画节点和边'],
  tell: ['Tell a class', '标注类别'],
  move: ['Move', '移动'],
  remove: ['Take away', '删除'],
} as const satisfies Record<string, Text>
type Tool = keyof typeof tools

const hints: Record<Tool, Text> = {
  draw: [
    'Press where nothing is for a node; press on one node and then on another to join them, or to part them again.',
    '点空白处添加节点；先点一个节点，再点另一个，连接或断开它们。',
  ],
  tell: ['Press on a node: blue, orange, not told.', '点击节点：蓝色、橙色、不标注，依次切换。'],
  move: ['Drag a node. The arrow keys move the chosen one.', '拖动节点。方向键移动选中的节点。'],
  remove: ['Press on a node: it goes, with its edges.', '点击节点：连同它的边一起删除。'],
}
const words = {
  tool: ['What a press does', '点击的作用'],
  node: ['Node', '节点'],
  other: ['and', '与'],
  add: ['New node', '新节点'],
  join: ['Join or part', '连接或断开'],
  tell: ['Next class', '换类别'],
  remove: ['Take away', '删除'],
  least: [
    'At least two nodes stay, and one whose class is told.',
    '至少保留两个节点，其中至少一个已标注。',
  ],
} as const satisfies Record<string, Text>

const round = (v: number) => Math.round(Math.max(-1, Math.min(1, v)) * 100) / 100

export function GraphEditor({
  drawn,
  label,
  node,
  onChange,
}: {
  drawn: Drawn
  label: string
  node: (i: number, x: number, y: number, chosen: boolean) => ComponentChildren
  onChange: (drawn: Drawn) => void
}) {
  const id = useId()
  const tool = useSignal<Tool>('draw')
  const chosen = useSignal(-1)
  const other = useSignal(0)
  const refused = useSignal(false)
  /** Where a node is while it is dragged: what is learned begins anew only when it is let go. */
  const held = useSignal<{ i: number; at: Place } | undefined>(undefined)
  const { nodes, edges } = drawn
  const first = Math.min(chosen.value, nodes.length - 1)
  const second = Math.min(other.value, nodes.length - 1)
  const places = nodes.map(([x = 0, y = 0], i) => (held.value?.i === i ? held.value.at : { x, y }))

  const change = (next: Drawn) => {
    refused.value = next.nodes.length < 2 || next.nodes.every((n) => n[2]! < 0)
    if (!refused.value) onChange(next)
  }
  const add = (x: number, y: number) => {
    if (nodes.length >= MOST_NODES) return
    chosen.value = nodes.length
    change({ nodes: [...nodes, [round(x), round(y), -1]], edges })
  }
  const join = (a: number, b: number) => {
    const is = (e: number[]) => (e[0] === a && e[1] === b) || (e[0] === b && e[1] === a)
    if (a === b || a < 0) return
    const fewer = edges.filter((e) => !is(e))
    if (fewer.length < edges.length) change({ nodes, edges: fewer })
    else if (edges.length < MOST_EDGES) change({ nodes, edges: [...edges, [a, b]] })
  }
  const tell = (i: number) => {
    const next: Record<number, number> = { [-1]: 1, 1: 0, 0: -1 }
    change({ nodes: nodes.map((n, k) => (k === i ? [n[0]!, n[1]!, next[n[2]!]!] : n)), edges })
  }
  const remove = (i: number) => {
    chosen.value = -1
    const after = (k: number) => (k > i ? k - 1 : k)
    change({
      nodes: nodes.filter((_, k) => k !== i),
      edges: edges.filter((e) => !e.includes(i)).map((e) => e.map(after)),
    })
  }
  const move = (i: number, to: Place) =>
    change({ nodes: nodes.map((n, k) => (k === i ? [round(to.x), round(to.y), n[2]!] : n)), edges })

  const press = (at: Place) => {
    const i = nodeAt(places, at)
    if (tool.value === 'draw') {
      if (i < 0) add(at.x, at.y)
      else if (first >= 0 && first !== i) {
        join(first, i)
        chosen.value = -1
      } else chosen.value = first === i ? -1 : i
    } else if (i < 0) return
    else if (tool.value === 'tell') tell(i)
    else if (tool.value === 'remove') remove(i)
    else {
      chosen.value = i
      held.value = { i, at }
    }
  }
  const arrows: Record<string, Place> = {
    ArrowLeft: { x: -0.05, y: 0 },
    ArrowRight: { x: 0.05, y: 0 },
    ArrowUp: { x: 0, y: 0.05 },
    ArrowDown: { x: 0, y: -0.05 },
  }
  const list = (value: number, name: Text, on: (i: number) => void) => (
    <label>
      {t(name)}{' '}
      <select value={`${value}`} onChange={(e) => on(Number(e.currentTarget.value))}>
        {value < 0 && <option value="-1">–</option>}
        {nodes.map((_, i) => (
          <option key={i} value={`${i}`}>
            {i + 1}
          </option>
        ))}
      </select>
    </label>
  )
  return (
    <>
      <fieldset class="plain row" aria-label={t(words.tool)}>
        {(Object.keys(tools) as Tool[]).map((name) => (
          <button
            key={name}
            type="button"
            aria-pressed={tool.value === name}
            onClick={() => {
              tool.value = name
            }}
          >
            {t(tools[name])}
          </button>
        ))}
      </fieldset>
      <div
        class="space"
        role="application"
        aria-label={label}
        aria-describedby={id}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys move the chosen node
        tabIndex={0}
        onKeyDown={(e) => {
          const by = arrows[e.key]
          if (!by || first < 0) return
          e.preventDefault()
          move(first, { x: places[first]!.x + by.x, y: places[first]!.y + by.y })
        }}
        onPointerUp={() => {
          if (held.value) move(held.value.i, held.value.at)
          held.value = undefined
        }}
        onPointerCancel={() => {
          held.value = undefined
        }}
      >
        <GraphPicture
          places={places}
          edges={[edges.map((e) => e[0]!), edges.map((e) => e[1]!)]}
          label={label}
          onPoint={({ x, y, start }) => {
            if (start) press({ x, y })
            else if (held.value) held.value = { i: held.value.i, at: { x, y } }
          }}
          node={(i, x, y) => node(i, x, y, i === first)}
        />
      </div>
      <p class="muted small" id={id}>
        {t(hints[tool.value])}
      </p>
      <div class="row">
        {list(first, words.node, (i) => {
          chosen.value = i
        })}
        {list(second, words.other, (i) => {
          other.value = i
        })}
        <button type="button" disabled={first < 0} onClick={() => join(first, second)}>
          {t(words.join)}
        </button>
        <button type="button" disabled={first < 0} onClick={() => tell(first)}>
          {t(words.tell)}
        </button>
        <button type="button" disabled={first < 0} onClick={() => remove(first)}>
          {t(words.remove)}
        </button>
        <button
          type="button"
          disabled={nodes.length >= MOST_NODES}
          onClick={() => {
            // Where there is room: on a spiral from the middle.
            const spots = Array.from({ length: 80 }, (_, i) => ({
              x: 0.1 * Math.sqrt(i) * Math.cos(2.4 * i),
              y: 0.1 * Math.sqrt(i) * Math.sin(2.4 * i),
            }))
            const far = (p: Place) =>
              Math.min(...places.map((q) => Math.hypot(p.x - q.x, p.y - q.y)))
            const spot = spots.find((p) => far(p) > 0.2) ?? spots[0]!
            add(spot.x, spot.y)
          }}
        >
          {t(words.add)}
        </button>
      </div>
      <p class="muted small" role="status">
        {refused.value ? t(words.least) : ''}
      </p>
    </>
  )
}

/** Whether something is a graph as it is drawn here. */
export function isDrawn(v: unknown): boolean {
  const { nodes, edges } = (v ?? {}) as Partial<Record<keyof Drawn, unknown>>
  if (!Array.isArray(nodes) || !Array.isArray(edges)) return false
  const row = (r: unknown, n: number): r is number[] =>
    Array.isArray(r) && r.length === n && r.every(Number.isFinite)
  return (
    nodes.length >= 2 &&
    nodes.length <= MOST_NODES &&
    edges.length <= MOST_EDGES &&
    nodes.every(
      (n) =>
        row(n, 3) && Math.abs(n[0]!) <= 1 && Math.abs(n[1]!) <= 1 && [-1, 0, 1].includes(n[2]!),
    ) &&
    nodes.some((n) => n[2] >= 0) &&
    edges.every(
      (e) =>
        row(e, 2) &&
        e[0] !== e[1] &&
        e.every((i) => Number.isInteger(i) && i >= 0 && i < nodes.length),
    ) &&
    new Set(edges.map((e) => [...e].sort().join())).size === edges.length
  )
}
