import { useRef } from 'preact/hooks'
import { definePage, type ViewProps } from '../page.js'
import { series } from '../parts/colors.js'
import { Legend } from '../parts/Legend.js'
import { Numbers } from '../parts/Numbers.js'
import { path, Plot } from '../parts/Plot.js'
import { learningRate, numberRows, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './losses.model.js'
import program from './losses.program.js?raw'

const schema = {
  delta: {
    label: ['Huber: where the parabola ends', 'Huber：抛物线的边界'],
    value: 1,
    min: 0.1,
    max: 3,
    step: 0.1,
  },
  rate: learningRate(0.03, [0.003, 0.01, 0.03, 0.1]),
  points: {
    label: ['Points', '点'],
    value: [
      [-2.5, -1.6],
      [-2, -1.3],
      [-1.2, -0.4],
      [-0.6, -0.5],
      [0, 0.2],
      [0.7, 0.2],
      [1.3, 0.9],
      [1.9, 1.1],
      [2.5, -2.6],
    ] as [number, number][],
    hidden: true,
    valid: numberRows(2, 3, { least: 2, most: 40 }),
  },
} as const satisfies Schema

const words = {
  picture: [
    'Drag a point; press beside them to add one. Each line is the best by its loss',
    '拖动点，或在空白处点击添加。每条线是相应损失下的最优直线',
  ],
  shapes: ['What one error costs', '单个误差的代价'],
  error: ['error', '误差'],
  remove: ['Remove the last point', '删除最后一点'],
  mse: ['squared error', '均方误差'],
  mae: ['absolute error', '绝对误差'],
  huber: ['Huber', 'Huber'],
} as const satisfies Record<string, Text>
const nameOf = (name: string) => t(words[name as 'mse' | 'mae' | 'huber'])

function View({ s, set, frame }: ViewProps<typeof schema, Frame>) {
  const held = useRef(-1)
  return (
    <>
      <Numbers values={frame.lines.map((l) => [nameOf(l.name), l.loss])} />
      <div class="split even">
        <div>
          <h3>{t(words.picture)}</h3>
          <Plot
            x={[-3, 3]}
            y={[-3, 3]}
            width={400}
            height={380}
            label={t(words.picture)}
            onPoint={({ x, y, start }) => {
              const p: [number, number] = [Math.round(x * 20) / 20, Math.round(y * 20) / 20]
              if (start) {
                held.current = s.points.findIndex(([a, b]) => Math.hypot(a - x, b - y) < 0.25)
                if (held.current < 0 && s.points.length < 40) {
                  held.current = s.points.length
                  set({ points: [...s.points, p] })
                }
              } else if (held.current >= 0) set({ points: s.points.with(held.current, p) })
            }}
          >
            {(area) => (
              <>
                {frame.lines.map((l, i) => (
                  <line
                    key={l.name}
                    x1={area.x(-3)}
                    y1={area.y(l.intercept - 3 * l.slope)}
                    x2={area.x(3)}
                    y2={area.y(l.intercept + 3 * l.slope)}
                    stroke={series(i)}
                    stroke-width={2.4}
                  />
                ))}
                {s.points.map(([x, y], i) => (
                  <circle
                    key={i}
                    cx={area.x(x)}
                    cy={area.y(y)}
                    r={7}
                    fill="var(--ink)"
                    stroke="var(--card)"
                    stroke-width={1.5}
                  />
                ))}
              </>
            )}
          </Plot>
          <button
            type="button"
            disabled={s.points.length < 3}
            onClick={() => set({ points: s.points.slice(0, -1) })}
          >
            {t(words.remove)}
          </button>
        </div>
        <div>
          <h3>{t(words.shapes)}</h3>
          <Plot
            x={[-3, 3]}
            y={[0, 4]}
            width={400}
            height={320}
            label={t(words.shapes)}
            xLabel={t(words.error)}
          >
            {(area) =>
              frame.curves.map((c, i) => (
                <path key={i} class="stroke" stroke={series(i)} d={path(area, frame.error, c)} />
              ))
            }
          </Plot>
          <Legend items={frame.lines.map((l, i) => [nameOf(l.name), series(i)] as const)} />
        </div>
      </div>
    </>
  )
}

export default definePage<Frame>()({
  schema,
  intro: [
    'A loss says how bad an error is, and so what a model gives way to. Three lines are fitted to the same points, each by its own loss. One point lies far off.',
    '损失函数规定误差有多严重，也就决定了模型向谁让步。三条直线拟合同样的点，各用一种损失。其中一个点偏得很远。',
  ],
  formula: String.raw`\begin{gathered} \text{MSE} = \tfrac1n \sum e_i^2, \qquad \text{MAE} = \tfrac1n \sum |e_i| \\ \text{Huber}_\delta(e) = \begin{cases} \tfrac12 e^2 & |e| \le \delta \\ \delta(|e| - \tfrac12\delta) & \text{else} \end{cases} \end{gathered}`,
  question: [
    'Train, then drag the point at the lower right up and down. Which line follows it, and which does not?',
    '训练后，上下拖动右下角的点。哪条线跟着它走，哪条不动？',
  ],
  answer: [
    'The line of the squared error follows: an error twice as large costs four times as much, so one point far off outweighs the others. The line of the absolute error stays with the majority, as a median does. Huber is between the two; the smaller δ, the nearer to the absolute error.',
    '均方误差的线跟着走：误差加倍，代价变为四倍，一个离群点就能压过其他点。绝对误差的线留在多数点那里，就像中位数。Huber 介于两者之间，δ 越小越接近绝对误差。',
  ],
  program,
  torch: [
    ['mseLoss(a, y)', 'F.mse_loss(a, y)'],
    ['l1Loss(a, y)', 'F.l1_loss(a, y)'],
    ['huberLoss(a, y, { delta: 1 })', 'F.huber_loss(a, y, delta=1)'],
  ],
  View,
})
