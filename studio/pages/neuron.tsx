import { definePage, type ViewProps } from '../page.js'
import { css, series } from '../parts/colors.js'
import { Heat } from '../parts/Heat.js'
import { Legend } from '../parts/Legend.js'
import { Numbers } from '../parts/Numbers.js'
import { path, Plot } from '../parts/Plot.js'
import { numberList, seed, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './neuron.model.js'
import program from './neuron.program.js?raw'

type V = Readonly<Record<string, unknown>>
const plain = (s: V) => s.f !== 'softmax'
const slider = (label: Text, value: number, half: number) => ({ label, value, min: -half, max: half, step: 0.1, when: plain }) // biome-ignore format: short

const schema = {
  f: {
    label: ['Activation function', '激活函数'],
    value: 'sigmoid',
    options: {
      sigmoid: 'sigmoid',
      tanh: 'tanh',
      relu: 'ReLU',
      leaky: 'Leaky ReLU',
      prelu: 'PReLU',
      rrelu: 'RReLU',
      elu: 'ELU',
      gelu: 'GELU',
      softmax: 'softmax',
    },
  },
  a: {
    label: ['Slope below 0', '负半轴斜率'],
    value: 0.25,
    min: 0.01,
    max: 0.6,
    step: 0.01,
    when: (s: V) => ['leaky', 'prelu', 'rrelu', 'elu'].includes(s.f as string),
  },
  temperature: {
    label: ['Temperature', '温度'],
    value: 1,
    min: 0.1,
    max: 5,
    step: 0.1,
    when: (s: V) => s.f === 'softmax',
  },
  w1: slider(['Weight w₁', '权重 w₁'], 1, 3),
  w2: slider(['Weight w₂', '权重 w₂'], -1, 3),
  b: slider(['Bias b', '偏置 b'], 0.5, 5),
  x1: slider(['Input x₁', '输入 x₁'], 1, 5),
  x2: slider(['Input x₂', '输入 x₂'], 0.5, 5),
  seed: { ...seed(), when: (s: V) => s.f === 'rrelu' },
  scores: {
    label: ['Scores', '得分'],
    value: [2, 1, 0, -1] as number[],
    hidden: true,
    valid: numberList(4, 5),
  },
} as const satisfies Schema

const words = {
  sum: ['weighted sum z', '加权和 z'],
  output: ['output y', '输出 y'],
  slope: ['slope f′(z)', '斜率 f′(z)'],
  curve: ['The activation function and its derivative', '激活函数及其导数'],
  f: ['function f', '函数 f'],
  df: ['derivative f′', '导数 f′'],
  field: [
    'What the neuron answers for all inputs; drag the point',
    '神经元对所有输入的输出，可以拖动点',
  ],
  scores: ['Scores in, probabilities out', '输入得分，输出概率'],
  score: ['score', '得分'],
} as const satisfies Record<string, Text>

function View({ s, set, frame }: ViewProps<typeof schema, Frame>) {
  if (s.f === 'softmax')
    return (
      <>
        <h2>{t(words.scores)}</h2>
        <div class="bars">
          {s.scores.map((score, i) => (
            <label key={i}>
              <span>
                {t(words.score)} {i + 1}: {score.toFixed(1)}
              </span>
              <input
                type="range"
                min={-5}
                max={5}
                step={0.1}
                value={score}
                onInput={(e) =>
                  set({
                    scores: s.scores.with(i, Math.round(e.currentTarget.valueAsNumber * 10) / 10),
                  })
                }
              />
              <span class="bar">
                <span
                  style={{ width: `${frame.probabilities[i]! * 100}%`, background: series(i) }}
                />
              </span>
              <strong>{(frame.probabilities[i]! * 100).toFixed(1)} %</strong>
            </label>
          ))}
        </div>
      </>
    )
  const { at } = frame
  return (
    <>
      <Numbers
        values={[
          [t(words.sum), at.z],
          [t(words.output), at.y],
          [t(words.slope), at.slope],
        ]}
      />
      <div class="split even">
        <div>
          <h3>{t(words.curve)}</h3>
          <Plot
            x={[-5, 5]}
            y={[-1.5, 3.2]}
            width={380}
            height={330}
            label={t(words.curve)}
            xLabel="z"
          >
            {(area) => (
              <>
                <path
                  class="stroke"
                  stroke={series(1)}
                  stroke-dasharray="6 4"
                  d={path(area, frame.z, frame.slope)}
                />
                <path class="stroke" stroke={series(0)} d={path(area, frame.z, frame.y)} />
                <circle cx={area.x(at.z)} cy={area.y(at.y)} r={6} fill={series(0)} />
                <circle cx={area.x(at.z)} cy={area.y(at.slope)} r={4.5} fill={series(1)} />
              </>
            )}
          </Plot>
          <Legend
            items={[
              [t(words.f), series(0)],
              [t(words.df), series(1)],
            ]}
          />
        </div>
        <div>
          <h3>{t(words.field)}</h3>
          <Plot
            x={[-5, 5]}
            y={[-5, 5]}
            width={360}
            height={330}
            xLabel="x₁"
            yLabel="x₂"
            label={t(words.field)}
            back={<Heat data={frame.field} width={48} height={48} scale={1} smooth label="" />}
            onPoint={({ x, y }) =>
              set({ x1: Math.round(x * 10) / 10, x2: Math.round(y * 10) / 10 })
            }
          >
            {(area) => (
              <circle
                cx={area.x(s.x1)}
                cy={area.y(s.x2)}
                r={7}
                fill={css(at.y)}
                stroke="var(--ink)"
                stroke-width={2}
              />
            )}
          </Plot>
        </div>
      </div>
    </>
  )
}

export default definePage<Frame>()({
  schema,
  intro: [
    'A neuron weighs its inputs, adds them up with a bias, and passes the sum on through a curve. Move the weights, choose the curve, and drag the point.',
    '神经元给输入加权，加上偏置，再让和通过一条曲线。调节权重，选择曲线，拖动点试试。',
  ],
  formula: String.raw`y = f(w_1 x_1 + w_2 x_2 + b), \qquad \operatorname{softmax}(z)_i = \frac{e^{z_i/T}}{\sum_j e^{z_j/T}}`,
  question: [
    'Choose the sigmoid and drag the point far into a corner. What does the slope f′(z) become, and what does it become with ReLU?',
    '选 sigmoid，把点拖到角落。斜率 f′(z) 变成多少？换成 ReLU 呢？',
  ],
  answer: [
    'Far out the sigmoid is flat: its slope goes to 0, and a gradient that passes through it vanishes; at its steepest the slope is only 1/4. ReLU keeps the slope 1 for every z above 0, and has the slope 0 below, where such a neuron does not learn.',
    '离中心远的地方 sigmoid 是平的：斜率趋于 0，经过它的梯度就消失了；它最陡处的斜率也只有 1/4。ReLU 在 z 大于 0 时斜率总是 1，小于 0 时斜率为 0，那里神经元不会学习。',
  ],
  program,
  torch: [
    ['x.matmul(w).add(b)', 'x @ w + b'],
    ['new nn.LeakyReLU({ negativeSlope: 0.25 })', 'nn.LeakyReLU(negative_slope=0.25)'],
    ['softmax(z.div(T), -1)', 'torch.softmax(z / T, dim=-1)'],
    ['y.sum().backward()', 'y.sum().backward()'],
  ],
  View,
})
