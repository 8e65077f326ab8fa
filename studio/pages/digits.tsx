import { definePage, type ViewProps } from '../page.js'
import { Chart } from '../parts/Chart.js'
import { DigitPad } from '../parts/DigitPad.js'
import { Heat } from '../parts/Heat.js'
import { Network } from '../parts/Network.js'
import { Numbers } from '../parts/Numbers.js'
import { Scroll } from '../parts/Scroll.js'
import { batchSize, learningRate, seed, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './digits.model.js'
import program from './digits.program.js?raw'

const schema = {
  images: { label: ['Training images', '训练图像数'], value: 10000, options: [1000, 10000, 60000] },
  activation: { label: ['Activation', '激活函数'], value: 'sigmoid', options: { sigmoid: 'sigmoid', tanh: 'tanh', relu: 'ReLU' } }, // biome-ignore format: short
  optimizer: { label: ['Optimizer', '优化器'], value: 'adam', options: { adam: 'Adam', sgd: ['SGD with momentum', 'SGD 加动量'] } }, // biome-ignore format: short
  rate: learningRate(0.01, [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3]),
  batch: batchSize(32, [1, 8, 32, 64, 128]),
  seed: seed(),
} as const satisfies Schema

const words = {
  accuracy: ['read rightly, of 2,000 test images', '2000 张测试图像的正确率'],
  loss: ['loss', '损失'],
  first: ['First layer: the weights as pictures', '第一层：权重图像'],
  second: ['Second layer', '第二层'],
  network: ['The network', '网络'],
  answer: ['The answer', '答案'],
  over: ['Accuracy over steps', '正确率随步数的变化'],
} as const satisfies Record<string, Text>

/** A neuron as a square, the fuller the stronger it answers. */
const Glow = ({ value, text }: { value: number; text?: string }) => (
  <span class="glow" style={{ '--v': `${Math.max(0, Math.min(1, Math.abs(value))) * 100}%` }}>
    {text}
  </span>
)

function View({ run, frame }: ViewProps<typeof schema, Frame>) {
  const [first, second, answer] = frame.layers as [number[], number[], number[]]
  const best = answer.indexOf(Math.max(...answer))
  return (
    <>
      <Numbers
        values={[
          [t(words.accuracy), `${(frame.accuracy * 100).toFixed(1)} %`],
          [t(words.loss), frame.loss],
          [t(words.answer), `${best} (${(answer[best]! * 100).toFixed(0)} %)`],
        ]}
      />
      <div class="digit-stage">
        <DigitPad run={run} {...frame} />
        <Scroll label={t(words.network)}>
          <Network
            row={38}
            columns={[
              {
                head: <span>{t(words.first)}</span>,
                nodes: frame.pictures.map((p, i) => (
                  <span key={i} class="row digit-node">
                    <Heat data={p} width={28} height={28} label={`${t(words.first)} ${i + 1}`} />
                    <Glow value={first[i]!} />
                  </span>
                )),
              },
              {
                head: <span>{t(words.second)}</span>,
                nodes: second.map((v, i) => <Glow key={i} value={v} />),
              },
              {
                head: <span>{t(words.answer)}</span>,
                nodes: answer.map((p, i) => (
                  <span key={i} class={`row digit-node ${i === best ? 'best' : ''}`}>
                    <Glow value={p} text={`${i}`} />
                    <span class="percent">{(p * 100).toFixed(0)} %</span>
                  </span>
                )),
              },
            ]}
            weights={frame.weights}
          />
        </Scroll>
      </div>
      <Chart
        label={t(words.over)}
        x={frame.history.step}
        curves={[{ label: t(words.accuracy), data: frame.history.accuracy }]}
        range={[0, 1]}
        height={190}
      />
    </>
  )
}

export default definePage<Frame>()({
  schema,
  intro: [
    'The network 784-16-16-10 learns to read handwritten digits, here in your browser. Draw one and follow it through the layers; the small pictures are the weights of the first layer.',
    '网络 784-16-16-10 就在你的浏览器里学习识别手写数字。画一个数字，看它如何穿过各层；小图是第一层的权重。',
  ],
  formula: String.raw`\begin{gathered} p = \operatorname{softmax}\bigl(W_3\, f(W_2\, f(W_1 x + b_1) + b_2) + b_3\bigr) \\ L = -\log p_{\text{label}} \end{gathered}`,
  question: [
    'Watch the small pictures while the network trains. Do they become strokes, as one might hope?',
    '训练时观察小图。它们会像人们期望的那样变成笔画吗？',
  ],
  answer: [
    'Hardly: they stay noisy patches of blue and orange, with structure in the middle only, since the corners never hold ink. About nine of ten digits are read rightly all the same. What a neuron looks for is what lowers the loss, not what looks sensible to us.',
    '几乎不会：它们仍是蓝橙相间的噪声块，只在中部有结构，因为角落里从来没有墨迹。即便如此，十个数字中大约有九个能认对。神经元寻找的是能降低损失的东西，而不是我们看来合理的东西。',
  ],
  program,
  torch: [
    [
      'new nn.Sequential(new nn.Linear(784, 16), new nn.Sigmoid(), ...)',
      'nn.Sequential(nn.Linear(784, 16), nn.Sigmoid(), ...)',
    ],
    ['crossEntropy(scores, y)', 'F.cross_entropy(scores, y)'],
    ['new Adam(model.parameters(), { lr: 0.01 })', 'torch.optim.Adam(model.parameters(), lr=0.01)'],
  ],
  View,
})
