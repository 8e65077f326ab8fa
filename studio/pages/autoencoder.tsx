import { useMemo } from 'preact/hooks'
import { definePage, type ViewProps } from '../page.js'
import { Chart } from '../parts/Chart.js'
import { series } from '../parts/colors.js'
import { DigitPad } from '../parts/DigitPad.js'
import { Heat } from '../parts/Heat.js'
import { Legend } from '../parts/Legend.js'
import { Maps } from '../parts/Maps.js'
import { Numbers } from '../parts/Numbers.js'
import { dots, Plot, type PlotArea } from '../parts/Plot.js'
import { learningRate, seed, type Schema } from '../settings.js'
import { dark } from '../shell/theme.js'
import { type Text, t } from '../text.js'
import type { Frame } from './autoencoder.model.js'
import program from './autoencoder.program.js?raw'

const schema = {
  net: {
    label: ['Network', '网络'],
    value: 'plain',
    options: {
      plain: ['Plain, 2 numbers', '普通，2 个数'],
      variational: ['Variational, 2 numbers', '变分，2 个数'],
      denoise: ['Denoising, 32 numbers', '去噪，32 个数'],
    },
  },
  noise: {
    label: ['Noise', '噪声'],
    value: 0.5,
    min: 0,
    max: 1.5,
    step: 0.05,
    when: (v) => v.net === 'denoise',
  },
  rate: learningRate(0.003, [0.0003, 0.001, 0.003, 0.01]),
  seed: seed(),
} as const satisfies Schema

const words = {
  loss: ['loss', '损失'],
  error: ['squared error of a pixel of 1,000 test digits', '1000 个测试数字每个像素的平方误差'],
  plane: [
    'Codes of the test digits by class; drag to decode any place of the plane',
    '测试数字的编码，按类别着色；拖动可解码平面上任意一点',
  ],
  map: ['What the plane decodes to, over the same part', '同一区域解码出的图像'],
  decoded: ['The digit of the chosen code', '所选编码对应的数字'],
  clean: ['Digits, yours first', '数字，第一个是你画的'],
  noisy: ['With noise: what the network sees', '加噪声：网络看到的'],
  restored: ['What it makes of them', '网络还原的结果'],
} as const satisfies Record<string, Text>

/** The codes; they stay as they are while the pointer moves. */
function Codes({ area, frame }: { area: PlotArea; frame: Frame }) {
  const { codes, labels } = frame
  const isDark = dark.value
  return useMemo(
    () => (
      <g>
        {Array.from({ length: 10 }, (_, c) => {
          const own = codes.filter((_, i) => labels[i >> 1] === c)
          return (
            <path
              key={c}
              d={dots(area, own)}
              stroke={series(c)}
              stroke-width={4.5}
              stroke-linecap="round"
              stroke-opacity={0.75}
            />
          )
        })}
      </g>
    ),
    [codes, isDark],
  )
}

function View({ run, frame }: ViewProps<typeof schema, Frame>) {
  const { x, y, code, decoded, map } = frame
  const plane = map.length > 0
  return (
    <>
      <Numbers
        values={[
          [t(words.loss), Number.isFinite(frame.loss) ? frame.loss.toFixed(4) : '–'],
          [t(words.error), frame.error.toFixed(4)],
        ]}
      />
      <div class="digit-stage">
        <div>
          <DigitPad run={run} {...frame} />
          {plane && (
            <>
              <h3 class="spaced">{t(words.decoded)}</h3>
              <div class="pad still">
                <Heat
                  data={decoded}
                  width={28}
                  height={28}
                  scale={1}
                  gray
                  label={`${t(words.decoded)} (${code.map((v) => v.toFixed(2)).join(', ')})`}
                />
              </div>
            </>
          )}
        </div>
        {plane ? (
          <div>
            <h3>{t(words.plane)}</h3>
            <Plot
              x={x}
              y={y}
              width={460}
              height={400}
              label={t(words.plane)}
              onPoint={(at) => run.ask('choose', at.x, at.y)}
            >
              {(area) => (
                <>
                  <Codes area={area} frame={frame} />
                  <circle
                    cx={area.x(code[0]!)}
                    cy={area.y(code[1]!)}
                    r={8}
                    fill="none"
                    stroke="var(--ink)"
                    stroke-width={3}
                  />
                </>
              )}
            </Plot>
            <Legend items={Array.from({ length: 10 }, (_, i) => [`${i}`, series(i)] as const)} />
            <h3 class="spaced">{t(words.map)}</h3>
            <div class="latent">
              <Heat
                data={map}
                width={Math.sqrt(map.length)}
                height={Math.sqrt(map.length)}
                scale={1}
                gray
                smooth
                label={t(words.map)}
              />
            </div>
          </div>
        ) : (
          <div class="layers">
            {(['clean', 'noisy', 'restored'] as const).map((name) => (
              <div key={name}>
                <h3>{t(words[name])}</h3>
                <Maps
                  data={frame[name]}
                  width={28}
                  height={28}
                  size={64}
                  scale={1}
                  gray
                  label={t(words[name])}
                />
              </div>
            ))}
          </div>
        )}
      </div>
      <Chart
        label={t(words.error)}
        x={frame.history.step}
        curves={[{ label: t(words.error), data: frame.history.error }]}
        height={170}
      />
    </>
  )
}

export default definePage<Frame>()({
  schema,
  live: ['noise'],
  intro: [
    'An autoencoder squeezes a digit of 784 pixels through a few numbers, and makes the digit of them again. With two numbers its whole world is a plane: drag through it. Nobody tells the network the classes; the colours are for us.',
    '自编码器把 784 个像素的数字压缩成几个数，再由它们还原。若只有两个数，它的整个世界就是一个平面：在上面拖动看看。没有人告诉网络类别，颜色只是给我们看的。',
  ],
  formula: String.raw`\begin{gathered} z = e(x), \quad \hat x = d(z), \quad L = \tfrac1n \lVert x - \hat x \rVert^2 \\ \text{variational: } z \sim \mathcal N(\mu(x), \sigma^2(x)) \\ L + \beta\, D_{\mathrm{KL}}\bigl(\mathcal N(\mu, \sigma^2) \,\Vert\, \mathcal N(0, I)\bigr) \end{gathered}`,
  question: [
    'Train the plain one and drag between the clouds of colour and to the borders. Do the same with the variational one. Where does each plane hold no digit?',
    '先训练普通自编码器，在各团颜色之间和边缘处拖动；再用变分自编码器试一次。两个平面上哪里没有数字？',
  ],
  answer: [
    'The plain one lets codes lie where they like: long arms and wide gaps, in which the pictures are smears. The variational one must answer for a whole neighbourhood of each code and keep all codes near 0: its digits lie in one round cloud without gaps, and one becomes the other on the way. Some digits, such as 4 and 9, overlap in both: two numbers are too few.',
    '普通自编码器的编码想放哪里就放哪里：长长的手臂和宽阔的空隙，空隙里的图像模糊不清。变分自编码器要为每个编码的整个邻域负责，并让所有编码靠近 0：数字挤成一团没有空隙的圆云，彼此逐渐过渡。4 与 9 等数字在两者中都会重叠：两个数实在太少。',
  ],
  program,
  torch: [
    [
      'new Autoencoder({ sizes: [784, 128, 32, 2] })',
      'nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 32), ...)',
    ],
    ['mseLoss(model.forward(x), x)', 'F.mse_loss(model(x), x)'],
    ['gaussianKL(mean, logVar)', '-0.5 * (1 + log_var - mean.pow(2) - log_var.exp()).sum(-1)'],
    ['randn([64, 784]).mul(noise)', 'noise * torch.randn(64, 784)'],
  ],
  View,
})
