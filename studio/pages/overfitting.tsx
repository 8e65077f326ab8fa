import { definePage, type ViewProps } from '../page.js'
import { Chart } from '../parts/Chart.js'
import { series } from '../parts/colors.js'
import { Numbers } from '../parts/Numbers.js'
import { path, Plot } from '../parts/Plot.js'
import { TableInput } from '../parts/TableInput.js'
import { numberRows, seed, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './overfitting.model.js'
import program from './overfitting.program.js?raw'

const LEAST = 8
const sine = (s: Readonly<Record<string, unknown>>) => s.data === 'sine'

const schema = {
  data: {
    label: ['Data', '数据'],
    value: 'sine',
    options: { sine: ['A sine with noise', '带噪声的正弦'], own: ['Your own table', '自己的表格'] },
  },
  own: {
    label: ['Your own points', '自己的点'],
    value: [] as number[][],
    hidden: true,
    valid: numberRows(2, 1, { least: LEAST, most: 400 }),
  },
  degree: {
    label: ['Degree of the polynomial', '多项式次数'],
    value: 15,
    min: 1,
    max: 20,
    step: 1,
  },
  points: {
    label: ['Training points', '训练点数'],
    value: 12,
    min: 4,
    max: 100,
    step: 4,
    when: sine,
  },
  noise: { label: ['Noise', '噪声'], value: 0.2, min: 0, max: 0.6, step: 0.05, when: sine },
  l1: { label: ['L1', 'L1 正则化'], value: 0, options: [0, 0.0001, 0.001, 0.01, 0.1] },
  l2: { label: ['L2', 'L2 正则化'], value: 0, options: [0, 0.0001, 0.001, 0.01, 0.1] },
  dropout: { label: ['Dropout', '随机失活'], value: 0, min: 0, max: 0.6, step: 0.1 },
  augment: {
    label: ['Augmentation: points moved by', '数据增强：点的抖动'],
    value: 0,
    min: 0,
    max: 0.2,
    step: 0.02,
  },
  stop: { label: ['Early stopping', '提前停止'], value: false },
  seed: seed(2),
} as const satisfies Schema

const words = {
  picture: [
    'The polynomial (blue), the truth (dashed) and the points',
    '多项式（蓝）、真实曲线（虚线）与数据点',
  ],
  rows: [
    'The table has too few rows for this page: it takes at least',
    '表格的行太少，本页至少需要',
  ],
  train: ['training error', '训练误差'],
  validation: ['validation error', '验证误差'],
  best: ['best validation error', '最小验证误差'],
  errors: ['Errors over steps', '误差随步数的变化'],
} as const satisfies Record<string, Text>

function View({ s, set, frame }: ViewProps<typeof schema, Frame>) {
  const { errors, best, history } = frame
  return (
    <>
      {s.data === 'own' && (
        <TableInput
          roles={['x', 'y']}
          half={1}
          onRows={(own) => {
            if (own.length < LEAST) throw new Error(`${t(words.rows)} ${LEAST}`)
            set({ own })
          }}
        />
      )}
      <Numbers
        values={[
          [t(words.train), errors.train],
          [t(words.validation), errors.validation],
          [t(words.best), `${best.validation.toFixed(3)} (${best.step})`],
        ]}
      />
      <div class="split even">
        <Plot x={[-1, 1]} y={[-2, 2]} width={400} height={340} label={t(words.picture)} xLabel="x">
          {(area) => (
            <>
              {frame.truth.length > 0 && (
                <path
                  class="stroke"
                  stroke="var(--muted)"
                  stroke-dasharray="5 4"
                  d={path(area, frame.x, frame.truth)}
                />
              )}
              <path class="stroke" stroke={series(0)} d={path(area, frame.x, frame.answer)} />
              {Array.from(frame.validation.x, (x, i) => (
                <circle
                  key={`v${i}`}
                  cx={area.x(x)}
                  cy={area.y(frame.validation.y[i]!)}
                  r={2.5}
                  fill={series(1)}
                  fill-opacity={0.6}
                />
              ))}
              {Array.from(frame.train.x, (x, i) => (
                <circle
                  key={i}
                  cx={area.x(x)}
                  cy={area.y(frame.train.y[i]!)}
                  r={5}
                  fill={series(0)}
                  stroke="var(--card)"
                />
              ))}
            </>
          )}
        </Plot>
        <Chart
          label={t(words.errors)}
          x={history.step}
          curves={[
            { label: t(words.train), data: history.train },
            { label: t(words.validation), data: history.validation },
          ]}
          log
          height={290}
        />
      </div>
    </>
  )
}

export default definePage<Frame>()({
  schema,
  intro: [
    'A polynomial learns a few noisy points. With a low degree it cannot follow the curve; with a high one it learns the noise by heart. Try what helps: more points, L1, L2, dropout, augmentation, early stopping.',
    '多项式学习几个带噪声的点。次数太低，跟不上曲线；次数太高，就会背下噪声。试试什么有用：更多数据、L1、L2、随机失活、数据增强、提前停止。',
  ],
  formula: String.raw`\begin{gathered} \hat y = \sum_{k=1}^{d} w_k P_k(x) + b \\ L = \frac1n \sum_i (\hat y_i - y_i)^2 + \lambda_1 \lVert w \rVert_1 + \lambda_2 \lVert w \rVert_2^2 \end{gathered}`,
  question: [
    'Train with degree 15 on 12 points for some thousand steps. Which of the two errors rises, and what brings it down most: L2 of 0.01, or 100 points?',
    '用 15 次多项式拟合 12 个点，训练几千步。哪个误差上升？L2 = 0.01 和 100 个点，哪个更有效？',
  ],
  answer: [
    'The validation error falls, then rises, while the training error goes on falling: the curve bends through every point and swings between them. L2 keeps the weights small, and the curve smooth. A hundred points help most: between them there is no room left to swing.',
    '验证误差先降后升，训练误差却一直下降：曲线穿过每个点，在点与点之间剧烈摆动。L2 让权重保持小，曲线平滑。一百个点最有效：点之间已没有摆动的余地。',
  ],
  program,
  torch: [
    [
      'new Adam(parameters, { weightDecay: 0.01 })',
      'torch.optim.Adam(parameters, weight_decay=0.01)',
    ],
    ['new nn.Dropout(0.2)', 'nn.Dropout(0.2)'],
    ['model.train(); model.eval()', 'model.train(); model.eval()'],
    ['w.abs().sum().mul(l1)', 'l1 * w.abs().sum()'],
  ],
  View,
})
