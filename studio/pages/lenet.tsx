import { useSignal } from '@preact/signals'
import { definePage, type ViewProps } from '../page.js'
import { Bars } from '../parts/Bars.js'
import { Chart } from '../parts/Chart.js'
import { DigitPad } from '../parts/DigitPad.js'
import { Maps } from '../parts/Maps.js'
import { Numbers } from '../parts/Numbers.js'
import { batchSize, learningRate, seed, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame, Volume } from './lenet.model.js'
import program from './lenet.program.js?raw'

const schema = {
  net: { label: ['Network', '网络'], value: 'lenet', options: { lenet: 'LeNet', convnet: ['Two 3 × 3 layers', '两层 3 × 3 卷积'] } }, // biome-ignore format: short
  activation: { label: ['Activation', '激活函数'], value: 'tanh', options: { tanh: 'tanh', sigmoid: 'sigmoid', relu: 'ReLU' }, when: (v) => v.net === 'lenet' }, // biome-ignore format: short
  rate: learningRate(0.003, [0.0003, 0.001, 0.003, 0.01]),
  batch: batchSize(32, [8, 32, 64]),
  seed: seed(),
} as const satisfies Schema

const words = {
  accuracy: ['read rightly, of 500 test images', '500 张测试图像的正确率'],
  loss: ['loss', '损失'],
  answer: ['The answer', '答案'],
  over: ['Accuracy over steps', '正确率随步数的变化'],
  filters: ['Filters', '卷积核'],
  conv1: ['1. Convolution: what each filter finds', '1. 卷积：每个卷积核找到什么'],
  pool1: ['2. Pooling: half the sides', '2. 池化：边长减半'],
  conv2: [
    '3. Convolution over all maps; press one to see its filters',
    '3. 对所有特征图再卷积；点击一张看它的卷积核',
  ],
  kernels: [
    'The filters of the chosen map: one for each map of 2, their results added up',
    '所选特征图的卷积核：第 2 步的每张图各一个，结果相加',
  ],
  pool2: ['4. Pooling', '4. 池化'],
  dense: ['5. Two dense layers', '5. 两个全连接层'],
  map: ['Map', '特征图'],
  probability: ['Probability of each digit', '每个数字的概率'],
} as const satisfies Record<string, Text>

const size = ({ shape }: Volume) => shape.slice(1).join(' × ')
const maps = ({ data, shape }: Volume) => ({ data, height: shape[2]!, width: shape[3]! })

function View({ run, frame }: ViewProps<typeof schema, Frame>) {
  const chosen = useSignal(0)
  const [conv1, pool1, conv2, pool2, dense1, dense2, answer] = frame.layers as [
    Volume,
    Volume,
    Volume,
    Volume,
    Volume,
    Volume,
    Volume,
  ]
  const [filters1, filters2] = frame.filters as [Volume, Volume]
  const k = Math.min(chosen.value, filters2.shape[0]! - 1)
  const kernels = filters2.data.length / filters2.shape[0]!
  const side = filters1.shape[2]!
  const best = answer.data.indexOf(Math.max(...answer.data))
  // Many maps are drawn smaller, so that a layer is one or two rows.
  const wide = conv1.shape[1]! > 6 ? 38 : 76
  return (
    <>
      <Numbers
        values={[
          [t(words.accuracy), `${(frame.accuracy * 100).toFixed(1)} %`],
          [t(words.loss), frame.loss],
          [t(words.answer), `${best} (${(answer.data[best]! * 100).toFixed(0)} %)`],
        ]}
      />
      <div class="digit-stage">
        <div>
          <DigitPad run={run} {...frame} />
          <h3 class="spaced">{t(words.answer)}</h3>
          <Bars
            label={t(words.probability)}
            bars={Array.from(answer.data, (value, i) => ({ name: `${i}`, value }))}
          />
        </div>
        <div class="layers">
          <h3>
            {t(words.conv1)} <span class="muted">{size(conv1)}</span>
          </h3>
          <Maps
            data={filters1.data}
            width={side}
            height={side}
            size={wide}
            label={`${t(words.filters)} 1`}
          />
          <Maps {...maps(conv1)} size={wide} label={t(words.conv1)} />
          <h3>
            {t(words.pool1)} <span class="muted">{size(pool1)}</span>
          </h3>
          <Maps {...maps(pool1)} size={wide / 2 + 8} label={t(words.pool1)} />
          <h3>
            {t(words.conv2)} <span class="muted">{size(conv2)}</span>
          </h3>
          <Maps
            {...maps(conv2)}
            size={34}
            label={t(words.map)}
            chosen={k}
            onChoose={(i) => {
              chosen.value = i
            }}
          />
          <p class="small muted">{t(words.kernels)}</p>
          <Maps
            data={filters2.data.subarray(k * kernels, (k + 1) * kernels)}
            width={side}
            height={side}
            size={30}
            label={`${t(words.filters)} 2`}
          />
          <h3>
            {t(words.pool2)} <span class="muted">{size(pool2)}</span>
          </h3>
          <Maps {...maps(pool2)} size={26} label={t(words.pool2)} />
          <h3>
            {t(words.dense)}{' '}
            <span class="muted">
              {size(dense1)}, {size(dense2)}
            </span>
          </h3>
          <Maps data={dense1.data} width={60} height={2} size={480} label={t(words.dense)} />
          <Maps data={dense2.data} width={42} height={2} size={336} label={t(words.dense)} />
        </div>
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
    'A convolutional network learns to read digits. Its filters begin as noise and become detectors of strokes and edges. Draw a digit and follow it through every layer; blue is above 0, orange below.',
    '卷积网络学习识别数字。卷积核起初是噪声，后来变成笔画与边缘的检测器。画一个数字，跟着它穿过每一层；蓝色大于 0，橙色小于 0。',
  ],
  formula: String.raw`\begin{gathered} a^{(l)}_{k} = f\Bigl(b_k + \sum_c w_{kc} \star a^{(l-1)}_{c}\Bigr) \\ \text{side} = \Bigl\lfloor \frac{n + 2p - k}{s} \Bigr\rfloor + 1: \quad 28 \to 28 \to 14 \to 10 \to 5 \end{gathered}`,
  question: [
    'Train LeNet with tanh, then with sigmoid, as it is often taught. How do the two curves begin?',
    '先用 tanh 训练 LeNet，再用常见教材里的 sigmoid。两条曲线的开头有什么不同？',
  ],
  answer: [
    'With tanh eight of ten digits are right after 50 steps. With sigmoid nothing happens for about 100 steps: its slope is at most 1/4, so that the gradient shrinks in each of the four layers, and the first filters hardly change. Then it learns, too. ReLU, whose slope is 1, begins nearly as fast as tanh.',
    '用 tanh，50 步之后十个数字就能认对八个。用 sigmoid，大约 100 步之内几乎毫无动静：它的斜率至多 1/4，梯度在四层中层层缩小，最前面的卷积核几乎不变；之后它才开始学习。ReLU 的斜率为 1，开头几乎与 tanh 一样快。',
  ],
  program,
  torch: [
    [
      'new nn.Conv2d(1, 6, { kernelSize: 5, padding: 2 })',
      'nn.Conv2d(1, 6, kernel_size=5, padding=2)',
    ],
    ['new nn.AvgPool2d(2)', 'nn.AvgPool2d(2)'],
    ['maxPool2d(x, 2)', 'F.max_pool2d(x, 2)'],
    ['x.flatten(1)', 'torch.flatten(x, 1)'],
    ['crossEntropy(scores, y)', 'F.cross_entropy(scores, y)'],
  ],
  View,
})
