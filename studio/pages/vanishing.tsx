import { definePage, type ViewProps } from '../page.js'
import { Chart } from '../parts/Chart.js'
import { series } from '../parts/colors.js'
import { Numbers } from '../parts/Numbers.js'
import { seed, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './vanishing.model.js'
import program from './vanishing.program.js?raw'

const schema = {
  depth: { label: ['Layers', '层数'], value: 20, min: 2, max: 50, step: 1 },
  activation: {
    label: ['Activation', '激活函数'],
    value: 'sigmoid',
    options: { sigmoid: 'sigmoid', tanh: 'tanh', relu: 'ReLU' },
  },
  init: {
    label: ['Initial weights', '权重初始化'],
    value: 'xavier',
    options: {
      xavier: 'Xavier (Glorot)',
      he: 'He (Kaiming)',
      small: ['normal, 0.02', '正态分布 0.02'],
      large: ['normal, 0.5', '正态分布 0.5'],
    },
  },
  norm: { label: ['Layer normalization', '层归一化'], value: false },
  residual: { label: ['Residual connections', '残差连接'], value: false },
  clip: {
    label: ['Gradients clipped at norm', '梯度裁剪（范数）'],
    value: 0,
    options: [0, 0.1, 1, 10],
  },
  seed: seed(),
} as const satisfies Schema

const words = {
  outputs: ['spread of the outputs', '输出的标准差'],
  gradients: ['norm of the gradient', '梯度的范数'],
  byLayer: ['By layer, first to last', '逐层变化，从第一层到最后一层'],
  layer: ['layer', '层'],
  ratio: ['gradient of the first layer, of the last', '第一层梯度与最后一层梯度'],
} as const satisfies Record<string, Text>

const small = (v: number) => (v === 0 ? '0' : v.toExponential(1))
/** A logarithm has no 0. */
const shown = (list: readonly number[]) => list.map((v) => (v > 0 && Number.isFinite(v) ? v : null))

function View({ frame }: ViewProps<typeof schema, Frame>) {
  const layers = frame.outputs.map((_, i) => i + 1)
  return (
    <>
      <Numbers
        values={[
          [t(words.ratio), `${small(frame.gradients[0]!)}, ${small(frame.gradients.at(-1)!)}`],
        ]}
      />
      <h3>{t(words.byLayer)}</h3>
      <Chart
        label={t(words.byLayer)}
        x={layers}
        xLabel={t(words.layer)}
        curves={[
          { label: t(words.gradients), data: shown(frame.gradients), color: series(1) },
          { label: t(words.outputs), data: shown(frame.outputs), color: series(0), dash: true },
        ]}
        log
        height={340}
      />
    </>
  )
}

export default definePage<Frame>()({
  schema,
  intro: [
    'A gradient passes back through every layer and is multiplied each time. See how large it is when it arrives at the first one, and what keeps it alive.',
    '梯度反向穿过每一层，每次都要乘上一个数。看它到达第一层时还有多大，以及什么能让它存活。',
  ],
  formula: String.raw`\frac{\partial L}{\partial h_0} = \Bigl(\prod_{l=1}^{n} W_l^\top \operatorname{diag} f'(z_l)\Bigr) \frac{\partial L}{\partial h_n}`,
  question: [
    'With twenty sigmoid layers the first gets almost nothing. Which single change helps most: tanh, ReLU with He values, or residual connections?',
    '二十层 sigmoid，第一层几乎得不到梯度。哪一个改变最有效：tanh、ReLU 配 He 初始化，还是残差连接？',
  ],
  answer: [
    'The slope of a sigmoid is at most 1/4, so twenty layers leave less than a millionth. Tanh with Xavier values loses little, ReLU with He values still less. Residual connections work even with the sigmoid: the gradient has a way around each layer. Large initial values do the opposite with ReLU: the gradient explodes, and clipping is what is left.',
    'sigmoid 的斜率最多 1/4，二十层之后剩下不到百万分之一。tanh 配 Xavier 损失很小，ReLU 配 He 更小。残差连接对 sigmoid 也有效：梯度可以绕过每一层。ReLU 配过大的初始值则相反：梯度爆炸，只能裁剪。',
  ],
  program,
  torch: [
    ['nn.init.xavierNormal(w)', 'nn.init.xavier_normal_(w)'],
    ['nn.init.kaimingNormal(w)', 'nn.init.kaiming_normal_(w)'],
    ['new nn.LayerNorm(32)', 'nn.LayerNorm(32)'],
    ['nn.clipGradNorm(parameters, 1)', 'nn.utils.clip_grad_norm_(parameters, 1)'],
  ],
  View,
})
