import { definePage, type ViewProps } from '../page.js'
import { series } from '../parts/colors.js'
import { Heat } from '../parts/Heat.js'
import { Numbers } from '../parts/Numbers.js'
import { Plot } from '../parts/Plot.js'
import { TableInput } from '../parts/TableInput.js'
import { learningRate, numberRows, seed, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './classes.model.js'
import program from './classes.program.js?raw'

const schema = {
  data: {
    label: ['Data', '数据'],
    value: 'clouds',
    options: {
      clouds: ['Three clouds', '三团点'],
      rings: ['Three rings', '三个圆环'],
      own: ['Your own table', '自己的表格'],
    },
  },
  hidden: { label: ['Hidden neurons', '隐藏神经元数'], value: 0, min: 0, max: 16, step: 1 },
  activation: {
    label: ['Their activation', '隐藏层激活函数'],
    value: 'none',
    options: { none: ['none', '无'], tanh: 'tanh', relu: 'ReLU' },
    when: (s: Readonly<Record<string, unknown>>) => (s.hidden as number) > 0,
  },
  own: {
    label: ['Your own points', '自己的点'],
    value: [] as number[][],
    hidden: true,
    valid: numberRows(3, 4, { most: 400 }),
  },
  rate: learningRate(0.03, [0.003, 0.01, 0.03, 0.1]),
  seed: seed(),
} as const satisfies Schema

const words = {
  label: ['class', '类别'],
  loss: ['cross entropy', '交叉熵'],
  accuracy: ['points on their own side', '分类正确的点'],
  class: ['Probability of class', '属于该类的概率：类别'],
} as const satisfies Record<string, Text>

function View({ s, set, frame }: ViewProps<typeof schema, Frame>) {
  return (
    <>
      {s.data === 'own' && (
        <TableInput
          roles={['x₁', 'x₂', words.label]}
          half={3.5}
          classes={3}
          onRows={(own) => set({ own })}
        />
      )}
      <Numbers
        values={[
          [t(words.accuracy), `${(frame.accuracy * 100).toFixed(0)} %`],
          [t(words.loss), frame.loss],
        ]}
      />
      <div class="grid thirds">
        {frame.fields.map((field, c) => (
          <figure key={c}>
            <figcaption>
              {t(words.class)} {c + 1}
            </figcaption>
            <Plot
              bare
              width={280}
              height={280}
              x={[-4, 4]}
              y={[-4, 4]}
              label={`${t(words.class)} ${c + 1}`}
              back={<Heat data={field} width={40} height={40} scale={1} gray smooth label="" />}
            >
              {(area) =>
                frame.classes.map((k, i) => (
                  <circle
                    key={i}
                    cx={area.x(frame.points[2 * i]!)}
                    cy={area.y(frame.points[2 * i + 1]!)}
                    r={k === c ? 4 : 3}
                    fill={series(k)}
                    fill-opacity={k === c ? 1 : 0.45}
                    stroke="var(--card)"
                    stroke-width={0.7}
                  />
                ))
              }
            </Plot>
          </figure>
        ))}
      </div>
    </>
  )
}

export default definePage<Frame>()({
  schema,
  speed: 100,
  intro: [
    'Three scores become three probabilities by softmax. Without a hidden layer this is softmax regression: the borders are straight lines. Each picture shows one class, the darker the more probable.',
    '三个得分经 softmax 变成三个概率。没有隐藏层时这就是 softmax 回归：边界是直线。每幅图对应一个类别，颜色越深概率越大。',
  ],
  formula: String.raw`p_k = \frac{e^{w_k \cdot x + b_k}}{\sum_j e^{w_j \cdot x + b_j}}, \qquad L = -\frac1n \sum_i \log p_{y_i}`,
  question: [
    'Take the rings, and 16 hidden neurons without an activation. Why does it stay as bad as with none? What does tanh change?',
    '选圆环数据，16 个隐藏神经元但不用激活函数。为什么和没有隐藏层一样差？换成 tanh 呢？',
  ],
  answer: [
    'Two linear maps one after the other are one linear map: the borders stay straight, and straight lines do not part rings. With tanh the borders bend around the inner rings, and nearly all points come to lie on their own side.',
    '两个线性映射相继仍是一个线性映射：边界还是直线，而直线分不开圆环。有了 tanh，边界绕着内圈弯曲，几乎所有点都分到正确的一侧。',
  ],
  program,
  torch: [
    ['crossEntropy(scores, y)', 'F.cross_entropy(scores, y)'],
    ['scores.softmax(1)', 'scores.softmax(dim=1)'],
    [
      'new nn.Sequential(new nn.Linear(2, 16), new nn.Tanh(), new nn.Linear(16, 3))',
      'nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 3))',
    ],
  ],
  View,
})
