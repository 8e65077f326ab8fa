import { definePage, type ViewProps } from '../page.js'
import { Chart } from '../parts/Chart.js'
import { css } from '../parts/colors.js'
import { Heat } from '../parts/Heat.js'
import { Numbers } from '../parts/Numbers.js'
import { Plot } from '../parts/Plot.js'
import { learningRate, seed, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './perceptron.model.js'
import program from './perceptron.program.js?raw'

const schema = {
  gate: {
    label: ['What to learn', '学习目标'],
    value: 'and',
    options: {
      and: ['AND', '与 AND'],
      or: ['OR', '或 OR'],
      nand: ['NAND', '与非 NAND'],
      xor: ['XOR', '异或 XOR'],
      own: ['Your own: press on the points', '自定义：点击各点'],
    },
  },
  rate: learningRate(0.2, { min: 0.05, max: 1, step: 0.05 }),
  seed: seed(3),
  answers: {
    label: ['Answers', '答案'],
    value: [1, 0, 0, 0] as number[],
    hidden: true,
    valid: (v: unknown) => Array.isArray(v) && v.length === 4 && v.every((n) => n === 0 || n === 1),
  },
} as const satisfies Schema

const words = {
  plane: [
    'The line that the perceptron draws between 0 (orange) and 1 (blue)',
    '感知机在 0（橙）与 1（蓝）之间画的直线',
  ],
  wrong: ['wrong answers', '错误答案数'],
  w1: ['weight w₁', '权重 w₁'],
  w2: ['weight w₂', '权重 w₂'],
  b: ['bias', '偏置'],
  over: ['Wrong answers over steps', '错误数随步数的变化'],
} as const satisfies Record<string, Text>
const points = [[0, 0], [0, 1], [1, 0], [1, 1]] as const // biome-ignore format: a table

function View({ s, set, frame }: ViewProps<typeof schema, Frame>) {
  const { w, b, targets } = frame
  return (
    <>
      <Numbers
        values={[
          [t(words.wrong), `${frame.wrong} / 4`],
          [t(words.w1), w[0]!],
          [t(words.w2), w[1]!],
          [t(words.b), b],
        ]}
      />
      <div class="split even">
        <Plot
          x={[-0.5, 1.5]}
          y={[-0.5, 1.5]}
          width={380}
          height={360}
          xLabel="x₁"
          yLabel="x₂"
          label={t(words.plane)}
          back={<Heat data={frame.field} width={64} height={64} scale={1} label="" />}
          {...(s.gate === 'own' && {
            onPoint: ({ x, y, start }: { x: number; y: number; start: boolean }) => {
              const i = points.findIndex(([a, c]) => Math.hypot(a - x, c - y) < 0.35)
              if (start && i >= 0) set({ answers: s.answers.with(i, 1 - s.answers[i]!) })
            },
          })}
        >
          {(area) => (
            <>
              <line
                x1={area.x(-0.5)}
                y1={area.y((-b + 0.5 * w[0]!) / w[1]!)}
                x2={area.x(1.5)}
                y2={area.y((-b - 1.5 * w[0]!) / w[1]!)}
                stroke="var(--ink)"
                stroke-width={2}
              />
              {points.map(([a, c], i) => (
                <g key={`${a}${c}`}>
                  <circle
                    cx={area.x(a)}
                    cy={area.y(c)}
                    r={13}
                    fill={css(targets[i]! * 2 - 1)}
                    stroke="var(--page)"
                    stroke-width={2}
                  />
                  <text class="on-color" x={area.x(a)} y={area.y(c) + 4} text-anchor="middle">
                    {targets[i]}
                  </text>
                </g>
              ))}
            </>
          )}
        </Plot>
        <Chart
          label={t(words.over)}
          x={frame.history.step}
          curves={[{ label: t(words.wrong), data: frame.history.wrong }]}
          range={[0, 4]}
          height={280}
        />
      </div>
    </>
  )
}

export default definePage<Frame>()({
  schema,
  speed: 5,
  intro: [
    'A perceptron answers 1 on one side of a line and 0 on the other. Whenever it is wrong about a point it moves the line a little. Train it slowly, or step by step.',
    '感知机在直线的一侧回答 1，另一侧回答 0。每当一个点答错，它就把直线移动一点。可以放慢训练，或单步执行。',
  ],
  formula: String.raw`\begin{gathered} \hat y = \begin{cases} 1 & w \cdot x + b > 0 \\ 0 & \text{else} \end{cases} \\[6pt] w \leftarrow w + \eta\,(y - \hat y)\,x, \quad b \leftarrow b + \eta\,(y - \hat y) \end{gathered}`,
  question: [
    'AND, OR and NAND end after a few steps. Does XOR ever end?',
    '与、或、与非几步之内就学会了。异或会结束吗？',
  ],
  answer: [
    'Never: the line turns round and round, since no straight line has (0, 1) and (1, 0) on one side and (0, 0) and (1, 1) on the other. It takes a second layer; see the playground.',
    '永远不会：直线来回转动，因为没有一条直线能让 (0, 1)、(1, 0) 在一侧而 (0, 0)、(1, 1) 在另一侧。这需要第二层，见“游乐场”。',
  ],
  program,
  torch: [
    ['x.matmul(w).add(b).gt(0)', '(x @ w + b) > 0'],
    ['w.assign(w.add(change))', 'w.add_(change)'],
    ['indexSelect(x, 0, i)', 'torch.index_select(x, 0, i)'],
  ],
  View,
})
