import { definePage, type ViewProps } from '../page.js'
import { css } from '../parts/colors.js'
import { Numbers } from '../parts/Numbers.js'
import { Plot } from '../parts/Plot.js'
import { learningRate, seed, someOf, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import { type Drawn, GraphEditor, isDrawn } from '../views/GraphEditor.js'
import { GraphMessages } from '../views/GraphMessages.js'
import { GraphPicture, nodeAt } from '../views/GraphPicture.js'
import type { Frame } from './karate.model.js'
import program from './karate.program.js?raw'

const MOST_HOPS = 6
/** Two circles of friends that one node joins; one of each is told. */
const first: Drawn = {
  nodes: [[-0.8, 0.5, 1], [-0.9, -0.1, -1], [-0.5, 0.1, -1], [-0.3, 0.6, -1], [-0.6, -0.5, -1], [0, 0, -1], [0.3, 0.5, -1], [0.5, -0.1, -1], [0.8, 0.5, 0], [0.9, -0.2, -1], [0.4, -0.6, -1]],
  edges: [[0, 1], [0, 2], [1, 2], [2, 3], [0, 3], [1, 4], [2, 4], [2, 5], [5, 7], [6, 7], [6, 8], [7, 8], [7, 9], [8, 9], [7, 10], [9, 10]],
} // biome-ignore format: a row for nodes and one for edges

const schema = {
  graph: {
    label: ['Graph', '图'],
    value: 'club',
    options: { club: ['The karate club', '空手道俱乐部'], drawn: ['Your own: draw it', '自己画'] },
  },
  rate: learningRate(0.01, [0.001, 0.003, 0.01, 0.03, 0.1]),
  width: { label: ['Hidden features', '隐藏特征数'], value: 2, options: [2, 4, 16] },
  edges: { label: ['Features move along the edges', '特征沿边传播'], value: true },
  hops: {
    label: ['Layers that a feature has passed', '特征传过的层数'],
    value: 2,
    min: 0,
    max: MOST_HOPS,
    step: 1,
  },
  seed: seed(3),
  source: {
    label: ['Node whose feature is followed', '跟踪特征的节点'],
    value: 0 as number,
    hidden: true,
    valid: (v: unknown) => Number.isInteger(v) && (v as number) >= 0 && (v as number) < 34,
  },
  labelled: {
    label: ['Members whose side is told', '已知立场的成员'],
    value: [0, 33] as number[],
    hidden: true,
    valid: someOf(Array.from({ length: 34 }, (_, i) => i)),
  },
  drawn: {
    label: ['The graph that is drawn', '画出的图'],
    value: first,
    hidden: true,
    valid: isDrawn,
  },
} as const satisfies Schema

const words = {
  accuracy: ['members who are found', '判断正确的成员'],
  told: ['nodes whose class is told', '已标注的节点'],
  club: [
    'The club: blue for the officer’s side, orange for the instructor’s; press on a member to tell or hide his side',
    '俱乐部：蓝色支持主席，橙色支持教练；点击成员可公开或隐藏其立场',
  ],
  drawn: [
    'Your graph: the fuller the blue or orange, the surer the network; a thick ring where the class is told',
    '你的图：蓝色或橙色越深，网络越有把握；粗圈表示已标注的节点',
  ],
  hidden: ['What the first layer makes of each node: two features', '第一层给每个节点的两个特征'],
} as const satisfies Record<string, Text>

function View({ s, set, frame }: ViewProps<typeof schema, Frame>) {
  const { places, edges, officer, sides, hidden, known } = frame
  const node = (i: number, x: number, y: number, chosen = false) => {
    // A node that was drawn a moment ago is not known yet.
    const p = officer[i] ?? 0.5
    const told = known.includes(i)
    const wrong = (sides[i] ?? -1) >= 0 && Number(p > 0.5) !== sides[i]
    return (
      <g key={i} transform={`translate(${x} ${y})`}>
        {chosen && <circle r={18} fill="none" stroke="var(--accent)" stroke-width={2} />}
        <circle
          r={told ? 14 : 11}
          fill={css(p * 2 - 1)}
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
  const own = s.graph === 'drawn'
  return (
    <>
      <Numbers
        values={[
          own
            ? [t(words.told), `${known.length} / ${sides.length}`]
            : [t(words.accuracy), `${(frame.accuracy * 100).toFixed(0)} %`],
        ]}
      />
      <div class="split">
        <div>
          <h3>{t(own ? words.drawn : words.club)}</h3>
          {own ? (
            <GraphEditor
              drawn={s.drawn}
              label={t(words.drawn)}
              node={node}
              onChange={(drawn) => set({ drawn })}
            />
          ) : (
            <GraphPicture
              places={places}
              edges={edges}
              label={t(words.club)}
              node={node}
              onPoint={(at) => {
                const i = nodeAt(places, at)
                if (!at.start || i < 0) return
                const next = s.labelled.includes(i)
                  ? s.labelled.filter((k) => k !== i)
                  : [...s.labelled, i]
                if (next.length > 0) set({ labelled: next })
              }}
            />
          )}
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
            {(area) => hidden.map((h, i) => node(i, area.x(h[0]!), area.y(h[1]!)))}
          </Plot>
          <GraphMessages
            places={places}
            edges={edges}
            source={frame.source}
            hops={s.hops}
            most={MOST_HOPS}
            spread={frame.spread}
            onSource={(source) => set({ source })}
            onHops={(hops) => set({ hops })}
          />
        </div>
      </div>
    </>
  )
}

export default definePage<Frame>()({
  schema,
  speed: 20,
  live: ['hops', 'source'],
  parts: {
    by: 'graph',
    of: {
      drawn: {
        formula: String.raw`h_i^{(l+1)} = f\Bigl(\sum_{j \in N(i) \cup \{i\}} \frac{1}{\sqrt{d_i\, d_j}}\, W^{(l)} h_j^{(l)}\Bigr)`,
        question: [
          'Train: which node cannot make up its mind, and why? Part it from one side and train again. And how many layers does the feature of node 1 need to reach node 9?',
          '训练一下：哪个节点拿不定主意，为什么？把它与一侧断开再训练。节点 1 的特征要传几层才能到达节点 9？',
        ],
        answer: [
          'Node 6 is the bridge: two steps away from both told nodes, as much of the one as of the other reaches it, and it stays near one half. With one edge less it takes the other side at once. The feature of node 1 reaches node 9 in the fourth layer, for the way goes over four edges: a network of two layers never brings them together.',
          '节点 6 是桥：它离两个已标注节点都是两步，两边传来的一样多，所以停在一半附近。断开一条边，它马上倒向另一侧。节点 1 的特征在第四层到达节点 9，因为路要经过四条边：两层的网络永远无法让它们相遇。',
        ],
      },
    },
  },
  intro: [
    'A karate club broke in two. Of 34 members only the two leaders are labelled; a graph network finds the side of all others by who met whom. Train it slowly, and watch the colours spread along the edges; or draw a graph of your own.',
    '一个空手道俱乐部分裂成两派。34 名成员中只标出两位领袖；图网络凭“谁与谁来往”判断其他人的立场。放慢训练，看颜色沿着边扩散；也可以自己画一个图。',
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
