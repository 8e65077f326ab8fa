import { definePage, type ViewProps } from '../page.js'
import { series } from '../parts/colors.js'
import { FormulaInput } from '../parts/FormulaInput.js'
import { Legend } from '../parts/Legend.js'
import { Numbers } from '../parts/Numbers.js'
import { path, Plot } from '../parts/Plot.js'
import { learningRate, seed, textOf, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './approximation.model.js'
import program from './approximation.program.js?raw'

const schema = {
  text: {
    label: ['Function', '函数'],
    value: 'sin(2 * x) + 0.4 * x' as string,
    hidden: true,
    valid: textOf(0, 200),
  },
  neurons: { label: ['Neurons', '神经元数'], value: 12, min: 1, max: 40, step: 1 },
  activation: {
    label: ['Activation', '激活函数'],
    value: 'relu',
    options: { relu: 'ReLU', sigmoid: 'sigmoid', tanh: 'tanh' },
  },
  rate: learningRate(0.01, [0.001, 0.003, 0.01, 0.03, 0.1]),
  seed: seed(),
} as const satisfies Schema

const words = {
  formula: ['A function of x', '关于 x 的函数'],
  use: ['Learn it', '学习它'],
  picture: ['The function, and what the network makes of it', '目标函数与网络的拟合'],
  pieces: ['The pieces: what each neuron adds', '各个片段：每个神经元的贡献'],
  target: ['function', '目标函数'],
  answer: ['network: the sum of all pieces', '网络：所有片段之和'],
  loss: ['mean squared error', '均方误差'],
} as const satisfies Record<string, Text>

function View({ s, set, frame }: ViewProps<typeof schema, Frame>) {
  const { x, y, answer, pieces } = frame
  const low = Math.min(-1, ...y)
  const high = Math.max(1, ...y)
  const span = [low - 0.15 * (high - low), high + 0.15 * (high - low)] as const
  return (
    <>
      <FormulaInput
        label={words.formula}
        action={words.use}
        text={s.text}
        error={frame.error}
        onUse={(text) => set({ text })}
      />
      {!frame.error && (
        <>
          <Numbers values={[[t(words.loss), frame.loss]]} />
          <div class="split even">
            <div>
              <h3>{t(words.picture)}</h3>
              <Plot
                x={[-3, 3]}
                y={span}
                width={400}
                height={320}
                label={t(words.picture)}
                xLabel="x"
              >
                {(area) => (
                  <>
                    <path
                      class="stroke"
                      stroke="var(--muted)"
                      stroke-dasharray="5 4"
                      d={path(area, x, y)}
                    />
                    <path class="stroke" stroke={series(0)} d={path(area, x, answer)} />
                  </>
                )}
              </Plot>
              <Legend
                items={[
                  [t(words.target), 'var(--muted)'],
                  [t(words.answer), series(0)],
                ]}
              />
            </div>
            <div>
              <h3>{t(words.pieces)}</h3>
              <Plot
                x={[-3, 3]}
                y={[span[0] * 1.5, span[1] * 1.5]}
                width={400}
                height={320}
                label={t(words.pieces)}
                xLabel="x"
              >
                {(area) =>
                  pieces.map((p, i) => (
                    <path
                      key={i}
                      class="stroke"
                      stroke={series(i)}
                      stroke-opacity={0.75}
                      d={path(area, x, p)}
                    />
                  ))
                }
              </Plot>
            </div>
          </div>
        </>
      )}
    </>
  )
}

export default definePage<Frame>()({
  schema,
  intro: [
    'One hidden layer with enough neurons comes as near to a continuous function as you like. Each neuron adds one piece, a ramp or a step; watch the pieces find their places.',
    '只要神经元足够多，一个隐藏层就能任意接近一个连续函数。每个神经元贡献一个片段，斜坡或台阶；看它们各就各位。',
  ],
  formula: String.raw`\hat f(x) = \sum_{j=1}^{n} v_j\, f(w_j x + b_j) + c`,
  question: [
    'How many ReLU neurons does |x|, written abs(x), take? And how many does sin(2*x)?',
    '用 ReLU 拟合 abs(x) 需要几个神经元？sin(2*x) 呢？',
  ],
  answer: [
    'Two ramps, one to each side, make |x| exactly. But two neurons with random starting values seldom become them: one is dead, or both look the same way. Train 2, then 12. A sine has no straight pieces: with each neuron one more bend may be placed, and the error falls, but never to 0.',
    '左右各一个斜坡就能精确构成 |x|。但随机初始化的两个神经元很少恰好成为它们：一个死掉，或两个朝同一侧。先训练 2 个，再训练 12 个。正弦没有直线段：每多一个神经元就多一个折点，误差下降，但永远到不了 0。',
  ],
  program,
  torch: [
    ['new nn.Linear(1, 12)', 'nn.Linear(1, 12)'],
    ['scan(step, null, null, { length: 500 })', 'for _ in range(500): step()'],
    ['mseLoss(answer, y)', 'F.mse_loss(answer, y)'],
  ],
  View,
})
