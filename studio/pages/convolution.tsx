import { useSignal } from '@preact/signals'
import { definePage, type ViewProps } from '../page.js'
import { css, series } from '../parts/colors.js'
import { Heat } from '../parts/Heat.js'
import { Legend } from '../parts/Legend.js'
import { MicrophoneInput } from '../parts/MicrophoneInput.js'
import { PictureInput } from '../parts/PictureInput.js'
import { path, Plot } from '../parts/Plot.js'
import { Scroll } from '../parts/Scroll.js'
import { numberList, type Schema, textOf } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame, Grid } from './convolution.model.js'
import program from './convolution.program.js?raw'

const schema = {
  picture: {
    label: ['Picture', '图像'],
    value: 'ring',
    options: {
      ring: ['Ring', '圆环'],
      square: ['Square', '方块'],
      stripes: ['Stripes', '条纹'],
      cross: ['Cross', '叉'],
      own: ['Your own', '自己的图片'],
    },
  },
  kernel: {
    label: ['Kernel', '卷积核'],
    value: 'sobelX',
    options: {
      sobelX: ['Sobel, from left to right', 'Sobel 横向'],
      sobelY: ['Sobel, from top to bottom', 'Sobel 纵向'],
      laplace: ['Laplace', '拉普拉斯'],
      blur: ['Blur', '模糊'],
      sharpen: ['Sharpen', '锐化'],
      identity: ['Identity', '恒等'],
      own: ['Your own', '自定义'],
    },
  },
  stride: { label: ['Stride', '步幅'], value: 1, min: 1, max: 4, step: 1 },
  padding: { label: ['Padding', '填充'], value: 1, min: 0, max: 3, step: 1 },
  pool: {
    label: ['Pooling of 2 by 2', '2×2 池化'],
    value: 'max',
    options: {
      none: ['none', '无'],
      max: ['maximum', '最大'],
      avg: ['average', '平均'],
      min: ['minimum', '最小'],
    },
  },
  shift: { label: ['Shift of the picture', '图像平移'], value: 0, min: 0, max: 8, step: 1 },
  series: {
    label: ['Signal', '一维信号'],
    value: 'drawn',
    options: { drawn: ['Drawn by you', '自己画'], sound: ['A sound', '一段声音'] },
  },
  filter: {
    label: ['Kernel of the signal', '一维卷积核'],
    value: 'ramp',
    options: {
      ramp: '1, 2, 4',
      mean: ['mean of five', '五点平均'],
      change: ['change: −1, 0, 1', '变化：−1, 0, 1'],
      echo: ['echo', '回声'],
    },
  },
  flipped: { label: ['Flip the kernel of the signal', '翻转一维卷积核'], value: false },
  pixels: {
    label: ['Own picture', '自己的图片'],
    value: '' as string,
    hidden: true,
    valid: (v) => v === '' || (typeof v === 'string' && /^[0-9a-f]{1568}$/.test(v)),
  },
  sound: {
    label: ['Own sound', '自己的声音'],
    value: '' as string,
    hidden: true,
    valid: (v) => textOf(1024, 1024)(v) && /^[0-9a-f]*$/.test(v as string),
  },
  own: {
    label: ['Own kernel', '自定义核'],
    value: [1, 0, 0, 0, 1, 0, 0, 0, 1] as number[],
    hidden: true,
    valid: numberList(9, 9),
  },
  signal: {
    label: ['Signal', '信号'],
    value: [0, 0, 1, 0, 0, 0, 2, 2, 0, 0] as number[],
    hidden: true,
    valid: numberList(10, 4),
  },
} as const satisfies Schema

const places = (list: ArrayLike<number>) => Array.from(list, (_, i) => i)
/** The loudest piece of `n` samples, its peak at 1, with two digits for each number. */
function loudest(samples: Float32Array, n: number): string {
  let [best, at] = [-1, 0]
  for (let start = 0; start + n <= samples.length; start += 32) {
    let power = 0
    for (let i = start; i < start + n; i++) power += samples[i]! ** 2
    if (power > best) [best, at] = [power, start]
  }
  const piece = samples.subarray(at, at + n)
  const peak = piece.reduce((m, v) => Math.max(m, Math.abs(v)), 0) || 1
  const digits = (v: number) =>
    Math.round((v / peak) * 127 + 128)
      .toString(16)
      .padStart(2, '0')
  return Array.from(piece, digits).join('')
}

const words = {
  input: ['Picture; press on a place of it', '图像，点击某个位置'],
  kernel: ['Kernel', '卷积核'],
  map: ['Feature map', '特征图'],
  pooled: ['After pooling', '池化之后'],
  sum: ['Here', '此处'],
  products: ['The kernel over this place: products, added up', '卷积核落在此处：逐项相乘再求和'],
  weight: ['Weight', '权重'],
  signal: ['A signal (drag it) and the kernel over it', '一维信号（可拖动）与滑过它的卷积核'],
  sound: ['64 ms of a sound and the kernel over it', '64 毫秒的声音与滑过它的卷积核'],
  in: ['signal', '信号'],
  out: ['result', '结果'],
} as const satisfies Record<string, Text>

function View({ s, set, run, frame }: ViewProps<typeof schema, Frame>) {
  const at = useSignal({ x: 6, y: 13 })
  const { x, map, pooled, kernel, signal } = frame
  const heading = s.series === 'sound' ? words.sound : words.signal
  const [least, most] = [Math.min(...signal, ...frame.series), Math.max(...signal, ...frame.series)]
  const clamp = (v: number, most: number) => Math.max(0, Math.min(most, v))
  // The place of the feature map, and the window of the picture that it sees.
  const [column, row] = [clamp(at.value.x, map.width - 1), clamp(at.value.y, map.height - 1)]
  const [left, top] = [column * s.stride - s.padding, row * s.stride - s.padding]
  const pixel = (dx: number, dy: number) => {
    const [px, py] = [left + dx, top + dy]
    return px >= 0 && px < 28 && py >= 0 && py < 28 ? x.data[py * 28 + px]! : 0
  }
  const place = (
    grid: Grid,
    box: { x: number; y: number; size: number },
    name: string,
    gray: boolean,
    touch: boolean,
  ) => (
    <figure>
      <figcaption>
        {name}{' '}
        <span class="muted">
          {grid.height} × {grid.width}
        </span>
      </figcaption>
      <Plot
        bare
        width={280}
        height={280}
        x={[0, grid.width]}
        y={[0, grid.height]}
        label={name}
        back={
          <Heat data={grid.data} width={grid.width} height={grid.height} gray={gray} label="" />
        }
        {...(touch && {
          onPoint: (p: { x: number; y: number }) => {
            const [px, py] = [Math.floor(p.x), Math.floor(grid.height - p.y)]
            at.value =
              grid === x
                ? {
                    x: Math.round((px - 1 + s.padding) / s.stride),
                    y: Math.round((py - 1 + s.padding) / s.stride),
                  }
                : { x: px, y: py }
          },
        })}
      >
        {(area) => (
          <rect
            x={area.x(box.x)}
            y={area.y(grid.height - box.y)}
            width={area.x(box.size) - area.x(0)}
            height={area.y(0) - area.y(box.size)}
            fill="none"
            stroke={series(4)}
            stroke-width={2.5}
          />
        )}
      </Plot>
    </figure>
  )
  return (
    <>
      <div class="grid thirds full">
        {place(x, { x: left, y: top, size: 3 }, t(words.input), true, true)}
        {place(map, { x: column, y: row, size: 1 }, t(words.map), false, true)}
        {place(
          pooled,
          s.pool === 'none'
            ? { x: column, y: row, size: 1 }
            : { x: Math.floor(column / 2), y: Math.floor(row / 2), size: 1 },
          t(words.pooled),
          false,
          false,
        )}
      </div>
      {s.picture === 'own' && (
        <PictureInput
          run={run}
          onPicture={({ gray }) =>
            set({
              pixels: gray
                .map((v) =>
                  Math.round(v * 255)
                    .toString(16)
                    .padStart(2, '0'),
                )
                .join(''),
            })
          }
        />
      )}
      <div class="split even">
        <div>
          <h3>{t(words.kernel)}</h3>
          <div class="kernel">
            {kernel.map((v, i) =>
              s.kernel === 'own' ? (
                <input
                  key={i}
                  type="number"
                  step={0.5}
                  min={-9}
                  max={9}
                  aria-label={`${t(words.weight)} ${i + 1}`}
                  value={v}
                  onInput={(e) => {
                    const n = e.currentTarget.valueAsNumber
                    if (Number.isFinite(n))
                      set({ own: s.own.with(i, Math.max(-9, Math.min(9, n))) })
                  }}
                />
              ) : (
                <span key={i} style={{ background: css(Math.max(-0.25, Math.min(0.25, v / 16))) }}>
                  {Number(v.toFixed(3))}
                </span>
              ),
            )}
          </div>
        </div>
        <div>
          <h3>{t(words.products)}</h3>
          <Scroll label={t(words.products)}>
            <p class="products">
              {kernel
                .map(
                  (v, i) =>
                    `${pixel(i % 3, Math.floor(i / 3)).toFixed(s.picture === 'own' ? 2 : 0)}·(${Number(v.toFixed(2))})`,
                )
                .join(' + ')}
            </p>
          </Scroll>
          <p>
            {t(words.sum)}: <strong>{map.data[row * map.width + column]?.toFixed(2)}</strong>
          </p>
        </div>
      </div>
      <h3>{t(heading)}</h3>
      {s.series === 'sound' && (
        <MicrophoneInput
          rate={8000}
          seconds={1}
          onSound={(samples) => set({ sound: loudest(samples, 512) })}
        />
      )}
      <Plot
        width={760}
        height={200}
        x={s.series === 'sound' ? [0, signal.length] : [-1, Math.max(12, signal.length)]}
        y={[
          Math.min(-1, Math.floor(least)),
          Math.max(s.series === 'sound' ? 1 : s.filter === 'ramp' ? 15 : 5, Math.ceil(most)),
        ]}
        label={t(heading)}
        {...(s.series === 'drawn' && {
          onPoint: ({ x: px, y: py }: { x: number; y: number }) => {
            const i = Math.round(px)
            if (i >= 0 && i < 10)
              set({ signal: s.signal.with(i, Math.round(Math.max(-4, Math.min(4, py)) * 2) / 2) })
          },
        })}
      >
        {(area) =>
          s.series === 'sound' ? (
            <>
              <path class="stroke" stroke={series(1)} d={path(area, places(signal), signal)} />
              <path
                class="stroke"
                stroke={series(0)}
                d={path(area, places(frame.series), frame.series)}
              />
            </>
          ) : (
            <>
              {Array.from(signal, (v, i) => (
                <rect
                  key={`o${i}`}
                  x={area.x(i - 0.32)}
                  y={area.y(Math.max(0, v))}
                  width={area.x(0.32) - area.x(0)}
                  height={Math.abs(area.y(v) - area.y(0))}
                  fill={series(1)}
                />
              ))}
              {s.signal.map((v, i) => (
                <rect
                  key={`i${i}`}
                  x={area.x(i)}
                  y={area.y(Math.max(0, v))}
                  width={area.x(0.32) - area.x(0)}
                  height={Math.max(2, Math.abs(area.y(v) - area.y(0)))}
                  fill={series(0)}
                />
              ))}
            </>
          )
        }
      </Plot>
      <Legend
        items={[
          [t(words.in), series(0)],
          [t(words.out), series(1)],
        ]}
      />
    </>
  )
}

export default definePage<Frame>()({
  schema,
  intro: [
    'A small kernel slides over the picture and answers at each place how well the place fits it. Choose a kernel or write your own, and press on a place to see its sum.',
    '小小的卷积核滑过图像，在每个位置回答“这里与我有多像”。选一个核或自己写一个，点击某处看它的求和。',
  ],
  formula: String.raw`\begin{gathered} y_{ij} = \sum_{u,v} k_{uv}\, x_{si+u-p,\; sj+v-p} \\ \text{size} = \Bigl\lfloor \tfrac{n + 2p - 3}{s} \Bigr\rfloor + 1 \end{gathered}`,
  question: [
    'Shift the picture by one pixel, then by two. What happens to the feature map, and what to the picture after maximum pooling?',
    '把图像平移一个像素，再平移两个。特征图怎样变化？最大池化之后呢？',
  ],
  answer: [
    'The feature map moves along by as many pixels: the same weights look at every place. After pooling of 2 by 2 a shift by one changes only some values, and a shift by two moves everything by one: pooling forgets a little of where things are.',
    '特征图随之移动同样多的像素：同一组权重查看每一个位置。2×2 池化之后，平移一个像素只改变少数值，平移两个才整体移动一格：池化让网络稍稍忘掉了位置。',
  ],
  program,
  torch: [
    [
      'conv2d(x, kernel, null, { stride: 1, padding: 1 })',
      'F.conv2d(x, kernel, None, stride=1, padding=1)',
    ],
    ['maxPool2d(map, 2)', 'F.max_pool2d(map, 2)'],
    ['conv1d(signal, kernel, null, { padding: 2 })', 'F.conv1d(signal, kernel, padding=2)'],
    ['flip(kernel, [0])', 'torch.flip(kernel, [0])'],
  ],
  View,
})
