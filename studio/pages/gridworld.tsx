import { definePage, type ViewProps } from '../page.js'
import { Chart } from '../parts/Chart.js'
import { css } from '../parts/colors.js'
import { Numbers } from '../parts/Numbers.js'
import { learningRate, seed, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './gridworld.model.js'
import program from './gridworld.program.js?raw'

const schema = {
  world: {
    label: ['World', '世界'],
    value: 'cliff',
    options: {
      grid: ['Small grid, wind to the sides', '小网格，会被吹偏'],
      cliff: ['Along a cliff', '悬崖边'],
      lake: ['Frozen lake, slippery', '结冰的湖面'],
    },
  },
  method: { label: ['Method', '方法'], value: 'q', options: { q: 'Q-learning', sarsa: 'SARSA' } },
  rate: learningRate(0.1, [0.01, 0.05, 0.1, 0.5, 1]),
  gamma: { label: ['Discount γ', '折扣 γ'], value: 0.99, options: [0.8, 0.9, 0.99, 1] },
  epsilon: { label: ['Exploration ε', '探索率 ε'], value: 0.1, min: 0, max: 1, step: 0.05 },
  exact: { label: ['Show the exact values', '显示精确值'], value: false },
  seed: seed(),
} as const satisfies Schema

const words = {
  world: ['The world: value of each square, and the best way to go', '世界：每格的价值与最佳方向'],
  first: ['value of the start: learned, exact', '起点价值：学到的、精确的'],
  returns: ['Return of each episode', '每一局的回报'],
  return: ['return, mean of 20 episodes', '回报，20 局平均'],
} as const satisfies Record<string, Text>

const ARROWS = ['←', '↓', '→', '↑']

function View({ s, frame }: ViewProps<typeof schema, Frame>) {
  const { map, values, exact, returns } = frame
  const columns = map[0]!.length
  const squares = [...map.join('')]
  const of = (i: number) => [...values.slice(4 * i, 4 * i + 4)]
  const value = (i: number) => (s.exact ? exact[i]! : Math.max(...of(i)))
  const most = Math.max(1e-6, ...squares.map((_, i) => Math.abs(value(i))))
  const start = squares.indexOf('S')
  const smooth = Array.from(returns, (_, i) => {
    const part = returns.slice(Math.max(0, i - 19), i + 1)
    return part.reduce((a, b) => a + b, 0) / part.length
  })
  return (
    <>
      <Numbers
        values={[
          [t(words.first), `${Math.max(...of(start)).toFixed(2)}, ${exact[start]!.toFixed(2)}`],
        ]}
      />
      <h3>{t(words.world)}</h3>
      <div
        class="world"
        role="img"
        aria-label={t(words.world)}
        style={{
          gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`,
          maxWidth: `${columns * 5}rem`,
        }}
      >
        {squares.map((square, i) => {
          const plain = 'S.'.includes(square) || square === 'F'
          const actions = of(i)
          const best = actions.indexOf(Math.max(...actions))
          return (
            <div
              key={i}
              class={`square ${square === '#' || square === 'C' || square === 'H' ? 'dark' : ''}`}
              style={plain ? { background: css((value(i) / most) * 0.25) } : {}}
            >
              {plain ? (
                <>
                  <strong>{actions.some((v) => v !== 0) ? ARROWS[best] : '·'}</strong>
                  <span>{value(i).toFixed(most > 20 ? 0 : 2)}</span>
                </>
              ) : (
                <strong>{square}</strong>
              )}
            </div>
          )
        })}
      </div>
      <Chart
        label={t(words.returns)}
        x={smooth.map((_, i) => i + 1)}
        curves={[{ label: t(words.return), data: smooth }]}
        height={200}
      />
    </>
  )
}

export default definePage<Frame>()({
  schema,
  speed: 20,
  live: ['exact'],
  intro: [
    'Nobody tells the walker where to go; there are only rewards. After each step it corrects the value of what it did by the value of what came next. One step here is a whole episode.',
    '没有人告诉行走者该往哪走，只有奖励。每走一步，它用下一步的价值修正这一步的价值。这里的一步是完整的一局。',
  ],
  formula: String.raw`Q(s, a) \leftarrow Q(s, a) + \alpha \bigl(r + \gamma \max_{a'} Q(s', a') - Q(s, a)\bigr)`,
  question: [
    'Along the cliff, Q-learning and SARSA find different ways. Which one falls less often while it learns?',
    '在悬崖边，Q-learning 与 SARSA 找到不同的路。学习时哪一个掉下去更少？',
  ],
  answer: [
    'SARSA: its values count the exploring steps that it really takes, so squares at the edge look bad, and it walks higher up. Q-learning counts the best next step, finds the shortest way right at the edge, and falls whenever it explores there: its returns stay lower.',
    'SARSA：它的价值计入真正会走的探索步，所以悬崖边的格子看起来很差，它走得更靠里。Q-learning 只计最好的下一步，找到紧贴悬崖的最短路，一探索就掉下去，所以回报更低。',
  ],
  program,
  torch: [
    ['cliffWalking()', "gymnasium.make('CliffWalking-v0')"],
    ['frozenLake()', "gymnasium.make('FrozenLake-v1')"],
    [
      'qLearning(world, { lr: 0.1, gamma: 0.99 })',
      'Q[s, a] += lr * (r + gamma * Q[s2].max() - Q[s, a])',
    ],
  ],
  View,
})
