import { definePage, type ViewProps } from '../page.js'
import { Chart } from '../parts/Chart.js'
import { Heat } from '../parts/Heat.js'
import { Legend } from '../parts/Legend.js'
import { Maps } from '../parts/Maps.js'
import { Numbers } from '../parts/Numbers.js'
import { dots, Plot } from '../parts/Plot.js'
import { learningRate, seed, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './gan.model.js'
import program from './gan.program.js?raw'

const schema = {
  data: { label: ['Data', '数据'], value: 'ring', options: { ring: ['A ring of eight spots', '八个斑点的环'], grid: ['A grid of nine spots', '九个斑点的网格'], moons: ['Two half circles', '两个半圆'], digits: ['Handwritten digits', '手写数字'] } }, // biome-ignore format: short
  loss: { label: ['Loss', '损失'], value: 'gan', options: { gan: 'GAN', wgan: ['Wasserstein with gradient penalty', 'Wasserstein 加梯度惩罚'] } }, // biome-ignore format: short
  rate: learningRate(0.001, [0.0001, 0.0003, 0.001, 0.003]),
  seed: seed(),
} as const satisfies Schema

const words = {
  d: ['discriminator’s loss', '判别器的损失'],
  g: ['generator’s loss', '生成器的损失'],
  losses: ['Losses over steps', '损失随步数的变化'],
  spots: ['spots that samples reach', '样本到达的斑点'],
  plane: [
    'The plane: blue where the discriminator believes, orange where it does not',
    '平面：蓝色处判别器信以为真，橙色处不信',
  ],
  real: ['real', '真实'],
  made: ['generated', '生成'],
  believesReal: ['real held for real', '真实样本被判为真'],
  believesMade: ['generated held for real', '生成样本被判为真'],
  digits: [
    'Digits of the generator, of the same noise each time',
    '生成器的数字，每次用同样的噪声',
  ],
  some: ['Real digits', '真实的数字'],
} as const satisfies Record<string, Text>

const REAL = 'var(--ink)'
const MADE = '#c2188b'

function View({ frame }: ViewProps<typeof schema, Frame>) {
  const { losses, history, real, made, field, belief, spots, half } = frame
  const side = Math.sqrt(field.length)
  const percent = (v: number) => `${(v * 100).toFixed(0)} %`
  const chart = (
    <Chart
      label={t(words.losses)}
      x={history.step}
      curves={[
        { label: t(words.d), data: history.d },
        { label: t(words.g), data: history.g },
      ]}
      height={220}
    />
  )
  return (
    <>
      <Numbers
        values={[
          [t(words.d), losses[0]],
          [t(words.g), losses[1]],
          ...(spots ? [[t(words.spots), `${spots.reached} / ${spots.all}`] as const] : []),
          ...(belief
            ? [
                [t(words.believesReal), percent(belief.real)] as const,
                [t(words.believesMade), percent(belief.made)] as const,
              ]
            : []),
        ]}
      />
      {field.length > 0 ? (
        <div class="split">
          <div>
            <h3>{t(words.plane)}</h3>
            <Plot
              x={[-half, half]}
              y={[-half, half]}
              width={460}
              height={448}
              label={t(words.plane)}
              back={<Heat data={field} width={side} height={side} scale={1} smooth label="" />}
            >
              {(area) => (
                <g stroke-linecap="round">
                  <path
                    d={dots(area, real)}
                    stroke={REAL}
                    stroke-width={3.5}
                    stroke-opacity={0.5}
                  />
                  <path d={dots(area, made)} stroke={MADE} stroke-width={4.5} />
                </g>
              )}
            </Plot>
            <Legend
              items={[
                [t(words.real), REAL],
                [t(words.made), MADE],
              ]}
            />
          </div>
          <div>
            <h3>{t(words.losses)}</h3>
            {chart}
          </div>
        </div>
      ) : (
        <>
          <h3>{t(words.digits)}</h3>
          <Maps
            data={made}
            width={28}
            height={28}
            size={58}
            scale={1}
            gray
            label={t(words.digits)}
          />
          <h3 class="spaced">{t(words.some)}</h3>
          <Maps
            data={real.subarray(0, 10 * 784)}
            width={28}
            height={28}
            size={58}
            scale={1}
            gray
            label={t(words.some)}
          />
          {chart}
        </>
      )}
    </>
  )
}

export default definePage<Frame>()({
  schema,
  intro: [
    'Two networks play against each other. The generator makes data from noise; the discriminator tells real from generated. Each learns from the mistakes of the other; the generator never sees real data, only how it is judged.',
    '两个网络互相对抗。生成器用噪声造数据，判别器分辨真假。各自从对方的错误中学习；生成器从未见过真实数据，只知道自己如何被评判。',
  ],
  formula: String.raw`\begin{gathered} L_D = -\mathbb E \log D(x) - \mathbb E \log\bigl(1 - D(G(z))\bigr) \\ L_G = -\mathbb E \log D(G(z)) \\ \text{Wasserstein: } L_D = \mathbb E\, D(G(z)) - \mathbb E\, D(x) + \lambda\, \mathbb E\bigl(\lVert \nabla D(\hat x) \rVert - 1\bigr)^2 \end{gathered}`,
  question: [
    'Watch the ring for three thousand steps, with more than one seed. Do the samples spread over all eight spots at once?',
    '看环形数据训练三千步，换几个随机种子。样本会一下子铺满八个斑点吗？',
  ],
  answer: [
    'No: they rush to one or two spots, which is called mode collapse. There are then more generated points than real ones there, the field turns orange under them, and they flee to the next spots, again and again. When that ends depends on the seed: seven or all eight are reached after 1,000 to 2,500 steps, now and then one is lost again, and the field becomes pale: the discriminator can do little more than guess. With the critic of Wasserstein the field is a smooth slope from the beginning.',
    '不会：它们先涌向一两个斑点，这叫模式崩溃。那里的生成点于是多过真实点，脚下的颜色变成橙色，它们就逃向下一处，如此反复。何时结束因随机种子而异：一千到两千五百步之后才到达七个或全部八个斑点，偶尔又会丢掉一个，颜色变淡：判别器几乎只能靠猜。换成 Wasserstein 的评判器，整个平面从一开始就是平缓的坡。',
  ],
  program,
  torch: [
    [
      'ganStep({ generator, discriminator, optimizerG, optimizerD })(real)',
      'loss_d.backward(); optimizer_d.step(); loss_g.backward(); optimizer_g.step()',
    ],
    ['fake.detach()', 'fake.detach()'],
    [
      'binaryCrossEntropyWithLogits(scores, ones([n]))',
      'F.binary_cross_entropy_with_logits(scores, torch.ones(n))',
    ],
    [
      'gradients(scores.sum(), [x], [], { createGraph: true })',
      'torch.autograd.grad(scores.sum(), [x], create_graph=True)',
    ],
  ],
  View,
})
