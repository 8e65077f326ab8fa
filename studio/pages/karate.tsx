import { definePage, type ViewProps } from '../page.js'
import { css } from '../parts/colors.js'
import { Numbers } from '../parts/Numbers.js'
import { Plot } from '../parts/Plot.js'
import { learningRate, seed, someOf, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './karate.model.js'
import program from './karate.program.js?raw'

const schema = {
  rate: learningRate(0.01, [0.001, 0.003, 0.01, 0.03, 0.1]),
  width: { label: ['Hidden features', '隐藏特征数'], value: 2, options: [2, 4, 16] },
  edges: { label: ['Features move along the edges', '特征沿边传播'], value: true },
  seed: seed(3),
  labelled: {
    label: ['Members whose side is told', '已知立场的成员'],
    value: [0, 33] as number[],
    hidden: true,
    valid: someOf(Array.from({ length: 34 }, (_, i) => i)),
  },
} as const satisfies Schema

const words = {
  accuracy: ['members who are found', '判断正确的成员'],
  graph: [
    'The club: blue for the officer’s side, orange for the instructor’s; press on a member to tell or hide his side',
    '俱乐部：蓝色支持主席，橙色支持教练；点击成员可公开或隐藏其立场',
  ],
  hidden: ['What the first layer makes of each member: two features', '第一层给每个成员的两个特征'],
} as const satisfies Record<string, Text>

function View({ s, set, frame }: ViewProps<typeof schema, Frame>) {
  const { places, edges, officer, sides, hidden } = frame
  const [from, to] = edges as [number[], number[]]
  const member = (i: number, x: number, y: number) => {
    const told = s.labelled.includes(i)
    const wrong = Number(officer[i]! > 0.5) !== sides[i]
    return (
      <g key={i} transform={`translate(${x} ${y})`}>
        <circle
          r={told ? 14 : 11}
          fill={css(officer[i]! * 2 - 1)}
          stroke={told ? 'var(--ink)' : wrong ? '#c23b22' : 'var(--card)'}
          stroke-width={told ? 3 : 2}
          stroke-dasharray={wrong ? '3 2' : ''}
        />
        <text class="strong" text-anchor="middle" y={4}>
          {i + 1}
        </text>
      </g>
    )
  }
  return (
    <>
      <Numbers values={[[t(words.accuracy), `${(frame.accuracy * 100).toFixed(0)} %`]]} />
      <div class="split">
        <div>
          <h3>{t(words.graph)}</h3>
          <Plot
            bare
            x={[-1.12, 1.12]}
            y={[-1.12, 1.12]}
            width={460}
            height={440}
            label={t(words.graph)}
            onPoint={({ x, y, start }) => {
              const i = places.findIndex((p) => Math.hypot(p.x - x, p.y - y) < 0.09)
              if (!start || i < 0) return
              const next = s.labelled.includes(i)
                ? s.labelled.filter((k) => k !== i)
                : [...s.labelled, i]
              if (next.length > 0) set({ labelled: next })
            }}
          >
            {(area) => (
              <>
                {from.map((a, k) => (
                  <line
                    key={k}
                    x1={area.x(places[a]!.x)}
                    y1={area.y(places[a]!.y)}
                    x2={area.x(places[to[k]!]!.x)}
                    y2={area.y(places[to[k]!]!.y)}
                    stroke="var(--line)"
                  />
                ))}
                {places.map((p, i) => member(i, area.x(p.x), area.y(p.y)))}
              </>
            )}
          </Plot>
        </div>
        <div>
          <h3>{t(words.hidden)}</h3>
          <Plot
            x={[-1.15, 1.15]}
            y={[-1.15, 1.15]}
            width={340}
            height={330}
            label={t(words.hidden)}
          >
            {(area) => hidden.map((h, i) => member(i, area.x(h[0]!), area.y(h[1]!)))}
          </Plot>
        </div>
      </div>
    </>
  )
}

export default definePage<Frame>()({
  schema,
  speed: 20,
  intro: [
    'A karate club broke in two. Of 34 members only the two leaders are labelled; a graph network finds the side of all others by who met whom. Train it slowly, and watch the colours spread along the edges.',
    '一个空手道俱乐部分裂成两派。34 名成员中只标出两位领袖；图网络凭“谁与谁来往”判断其他人的立场。放慢训练，看颜色沿着边扩散。',
  ],
  formula: String.raw`H^{(l+1)} = f\bigl(D^{-\frac12}(A + I) D^{-\frac12} H^{(l)} W^{(l)}\bigr)`,
  question: [
    'Take away the edges: what does the network know about the members now?',
    '去掉边：网络现在对成员知道些什么？',
  ],
  answer: [
    'Nothing but the two labels: each member sees himself alone, no feature of a leader reaches him, and about half are guessed. With edges nearly all are found, though only two labels were given.',
    '除了两个标签一无所知：每个成员只看到自己，领袖的特征传不过来，约有一半靠猜。有了边，虽然只给了两个标签，几乎所有人都能判断正确。',
  ],
  program,
  torch: [
    ['new GCNConv(34, 2)', 'torch_geometric.nn.GCNConv(34, 2)'],
    ['SparseMatrix.fromEdges(edgeIndex)', 'torch_geometric.utils.to_torch_coo_tensor(edge_index)'],
    ['karateClub()', 'torch_geometric.datasets.KarateClub()[0]'],
  ],
  View,
})
