import { useMemo } from 'preact/hooks'
import { definePage, type ViewProps } from '../page.js'
import { Chart } from '../parts/Chart.js'
import { series } from '../parts/colors.js'
import { Heat } from '../parts/Heat.js'
import { Plot } from '../parts/Plot.js'
import { Surface } from '../parts/Surface.js'
import { learningRate, numberList, seed, someOf, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './gradient-descent.model.js'
import program from './gradient-descent.program.js?raw'

const names = { sgd: 'SGD', momentum: 'Momentum', adagrad: 'AdaGrad', rmsprop: 'RMSProp', adadelta: 'AdaDelta', adam: 'Adam' } // biome-ignore format: a table
type Name = keyof typeof names
const all = Object.keys(names) as Name[]

const schema = {
  surface: {
    label: ['Surface', '曲面'],
    value: 'valley',
    options: {
      bowl: ['Bowl', '碗'],
      valley: ['Long valley', '狭长的山谷'],
      saddle: ['Saddle', '鞍点'],
      plateau: ['Plateau with a hole', '高原与深坑'],
      minima: ['Two minima', '两个极小值'],
      rosenbrock: ['Bent valley (Rosenbrock)', '弯曲的山谷（Rosenbrock）'],
      line: ['Error of a line on 40 points', '直线拟合 40 个点的误差'],
    },
  },
  rate: learningRate(0.1, [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.9, 1.1, 2.1]),
  batch: {
    label: ['Points in a batch', '每批的点数'],
    value: 40,
    options: [1, 8, 40],
    when: (s: Readonly<Record<string, unknown>>) => s.surface === 'line',
  },
  seed: seed(),
  solid: { label: ['In 3-D', '三维显示'], value: false },
  start: {
    label: ['Start', '起点'],
    value: [-3.2, 2.4] as [number, number],
    hidden: true,
    valid: numberList(2, 4),
  },
  optimizers: {
    label: ['Optimizers', '优化器'],
    value: ['sgd', 'momentum', 'adam'] as string[],
    hidden: true,
    valid: someOf(all),
  },
} as const satisfies Schema

const words = {
  surface: [
    'The surface from above, dark where it is low; press to choose the start',
    '从上方看曲面，越深越低；点击选择起点',
  ],
  solid: ['The surface in 3-D', '三维曲面'],
  who: ['Optimizers', '优化器'],
  heights: ['Height over steps', '高度随步数的变化'],
} as const satisfies Record<string, Text>

/** Heights as bands, so that the edges between them are contour lines. */
function bands(field: Float32Array): Float32Array {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const v of field) {
    low = Math.min(low, v)
    high = Math.max(high, v)
  }
  // Narrow bands near the ground, where paths end.
  return field.map((v) => Math.round(Math.sqrt((v - low) / (high - low)) * 16) / 16)
}

function View({ s, set, frame }: ViewProps<typeof schema, Frame>) {
  const low = useMemo(() => bands(frame.field), [frame.field])
  const color = (name: string) => series(all.indexOf(name as Name))
  const picked = s.optimizers.slice(0, frame.paths.length)
  return (
    <>
      <fieldset class="row plain">
        <legend class="sr">{t(words.who)}</legend>
        {all.map((name) => {
          const on = s.optimizers.includes(name)
          return (
            <label key={name} class="check">
              <input
                type="checkbox"
                checked={on}
                disabled={on && s.optimizers.length === 1}
                onChange={() =>
                  set({
                    optimizers: all.filter((n) => (n === name ? !on : s.optimizers.includes(n))),
                  })
                }
              />
              <i style={{ background: color(name) }} />
              {names[name]}
            </label>
          )
        })}
      </fieldset>
      <div class="split">
        {s.solid ? (
          <Surface
            field={frame.field}
            side={frame.side}
            half={4}
            paths={picked.map((name, i) => ({ color: color(name), points: frame.paths[i]! }))}
            label={t(words.solid)}
          />
        ) : (
          <Plot
            x={[-4, 4]}
            y={[-4, 4]}
            width={420}
            height={400}
            label={t(words.surface)}
            back={
              <Heat
                data={low}
                width={frame.side}
                height={frame.side}
                scale={1}
                gray
                label=""
                class="contours"
              />
            }
            onPoint={({ x, y, start }) => {
              if (start) set({ start: [Math.round(x * 10) / 10, Math.round(y * 10) / 10] })
            }}
          >
            {(area) => (
              <>
                <circle
                  cx={area.x(s.start[0])}
                  cy={area.y(s.start[1])}
                  r={5}
                  fill="none"
                  stroke="var(--ink)"
                  stroke-width={2}
                />
                {picked.map((name, i) => {
                  const p = frame.paths[i]!
                  let d = ''
                  for (let j = 0; j < p.length; j += 2) {
                    const [px, py] = [area.x(p[j]!), area.y(p[j + 1]!)]
                    if (!(Math.abs(px) < 3000 && Math.abs(py) < 3000)) break
                    d += `${j ? 'L' : 'M'}${px.toFixed(1)} ${py.toFixed(1)}`
                  }
                  const [ex, ey] = [p.at(-2)!, p.at(-1)!]
                  const inside = Math.abs(ex) <= 4 && Math.abs(ey) <= 4
                  return (
                    <g key={name}>
                      <path class="stroke" stroke={color(name)} d={d} />
                      {inside && (
                        <circle
                          cx={area.x(ex)}
                          cy={area.y(ey)}
                          r={5.5}
                          fill={color(name)}
                          stroke="var(--page)"
                        />
                      )}
                    </g>
                  )
                })}
              </>
            )}
          </Plot>
        )}
        <Chart
          label={t(words.heights)}
          x={frame.curves.step}
          curves={picked.map((name, i) => ({
            label: names[name as Name],
            data: frame.curves.values[i]!.map((v) =>
              Number.isFinite(v) && Math.abs(v) < 1e6 ? v : Number.NaN,
            ),
            color: color(name),
          }))}
          height={300}
        />
      </div>
    </>
  )
}

export default definePage<Frame>()({
  schema,
  live: ['solid'],
  speed: 20,
  intro: [
    'Training goes downhill on a surface whose height is the loss. Choose a surface, press where to start, and let several optimizers walk side by side; begin slowly.',
    '训练就是在以损失为高度的曲面上往下走。选择曲面，点击起点，让几种优化器并排前进；先放慢速度看。',
  ],
  formula: String.raw`\begin{gathered} \theta \leftarrow \theta - \eta\, \nabla L(\theta) \\[4pt] v \leftarrow \mu v + \nabla L(\theta), \quad \theta \leftarrow \theta - \eta\, v \;\text{(momentum)} \end{gathered}`,
  question: [
    'On the long valley, which learning rate makes plain SGD jump out of it? And why is it slow below that rate?',
    '在狭长山谷上，学习率多大时普通 SGD 会跳出山谷？低于它时为什么走得慢？',
  ],
  answer: [
    'Across the valley the curvature is 2, so SGD diverges from a rate of 1 up: try 1.1. Below it the step is bounded by the steep direction, while along the valley the gradient is twenty times smaller: it creeps. Momentum adds up the steps along the valley, and Adam gives each direction its own rate.',
    '横穿山谷的方向曲率为 2，所以学习率超过 1 时 SGD 发散：试试 1.1。低于它时，步长受陡峭方向限制，而沿山谷的梯度只有二十分之一，所以爬得慢。动量把沿山谷的步子累加起来，Adam 给每个方向各自的步长。',
  ],
  program,
  torch: [
    ['new SGD([p], { lr, momentum: 0.9 })', 'torch.optim.SGD([p], lr=lr, momentum=0.9)'],
    ['new Adagrad([p], { lr })', 'torch.optim.Adagrad([p], lr=lr)'],
    ['new RMSprop([p], { lr })', 'torch.optim.RMSprop([p], lr=lr)'],
    ['new Adam([p], { lr })', 'torch.optim.Adam([p], lr=lr)'],
  ],
  View,
})
