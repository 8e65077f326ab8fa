import { definePage, type ViewProps } from '../page.js'
import { series } from '../parts/colors.js'
import { Numbers } from '../parts/Numbers.js'
import { Plot } from '../parts/Plot.js'
import type { Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './matrices.model.js'
import program from './matrices.program.js?raw'

const entry = (label: string, value: number) => ({
  label: [label, label] as const,
  value,
  min: -2,
  max: 2,
  step: 0.05,
})
const schema = {
  a: entry('a', 1),
  b: entry('b', 0.6),
  c: entry('c', -0.4),
  d: entry('d', 0.9),
  fold: {
    label: ['After the matrix', '矩阵之后'],
    value: 'none',
    options: { none: ['nothing', '无'], relu: 'ReLU', tanh: 'tanh' },
  },
  layers: { label: ['Layers', '层数'], value: 1, min: 1, max: 5, step: 1 },
} as const satisfies Schema

const words = {
  plane: ['The grid of the plane, after the layers', '经过各层之后的平面网格'],
  det: ['determinant: how areas grow', '行列式：面积的倍数'],
  singular: ['singular values: longest and shortest stretch', '奇异值：最大与最小的伸缩'],
} as const satisfies Record<string, Text>

function View({ frame }: ViewProps<typeof schema, Frame>) {
  return (
    <>
      <Numbers
        values={[
          [t(words.det), frame.det],
          [t(words.singular), frame.singular.map((v) => v.toFixed(2)).join(', ')],
        ]}
      />
      <Plot x={[-4, 4]} y={[-3, 3]} width={720} height={540} label={t(words.plane)}>
        {(area) => (
          <>
            {frame.lines.map((line, i) => {
              let d = ''
              for (let k = 0; k < line.length; k += 2)
                d += `${k ? 'L' : 'M'}${area.x(line[k]!).toFixed(1)} ${area.y(line[k + 1]!).toFixed(1)}`
              return (
                <path
                  key={i}
                  class="stroke"
                  stroke={series(i % 2)}
                  stroke-opacity={0.6}
                  stroke-width={1.4}
                  d={d}
                />
              )
            })}
            {frame.units.map(([x = 0, y = 0], i) => (
              <g key={i} stroke={series(i)} fill={series(i)}>
                <line
                  x1={area.x(0)}
                  y1={area.y(0)}
                  x2={area.x(x)}
                  y2={area.y(y)}
                  stroke-width={3.5}
                />
                <circle cx={area.x(x)} cy={area.y(y)} r={5.5} />
              </g>
            ))}
          </>
        )}
      </Plot>
    </>
  )
}

export default definePage<Frame>()({
  schema,
  intro: [
    'A layer is a matrix and a fold. The matrix turns, stretches and shears the plane, and lines stay lines; the activation folds it. Stack some layers and watch.',
    '一层就是一个矩阵加一次折叠。矩阵旋转、拉伸、剪切平面，直线仍是直线；激活函数把它折起来。叠几层看看。',
  ],
  formula: String.raw`h \leftarrow f\left(\begin{pmatrix} a & b \\ c & d \end{pmatrix} h\right)`,
  question: [
    'Make the two columns multiples of each other, such as a = 1, b = 2, c = 0.5, d = 1. What becomes of the plane, and of the determinant?',
    '让两列成倍数，例如 a = 1、b = 2、c = 0.5、d = 1。平面变成什么？行列式呢？',
  ],
  answer: [
    'It falls onto a line, and the determinant is 0: what was different can no longer be told apart. With ReLU the whole left half falls onto an axis in the same way, but the right half stays: this is the fold that lets layers do what one matrix cannot.',
    '它塌成一条直线，行列式为 0：原来不同的点再也分不开。ReLU 以同样方式把左半平面压到轴上，右半平面却保持不变：正是这种折叠让多层网络做到单个矩阵做不到的事。',
  ],
  program,
  torch: [
    ['h.matmul(m.transpose(0, 1))', 'h @ m.T'],
    ['det(m)', 'torch.linalg.det(m)'],
    ['svdvals(m)', 'torch.linalg.svdvals(m)'],
  ],
  View,
})
