import { useSignal } from '@preact/signals'
import { memo } from '../parts/memo.js'
import { Chart } from '../parts/Chart.js'
import { css } from '../parts/colors.js'
import { Heat } from '../parts/Heat.js'
import { Network } from '../parts/Network.js'
import { Numbers } from '../parts/Numbers.js'
import { Plot, type PlotArea } from '../parts/Plot.js'
import { Scroll } from '../parts/Scroll.js'
import { definePage, type ViewProps } from '../page.js'
import { TableInput } from '../parts/TableInput.js'
import { WeightSliders } from '../parts/WeightSliders.js'
import { learningRate, numberRows, seed, someOf, wholeList, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './playground.model.js'
import program from './playground.program.js?raw'

const names = ['x1', 'x2', 'x1x1', 'x2x2', 'x1x2', 'sinx1', 'sinx2'] as const
const shown: Record<string, string> = { x1: 'x₁', x2: 'x₂', x1x1: 'x₁²', x2x2: 'x₂²', x1x2: 'x₁x₂', sinx1: 'sin x₁', sinx2: 'sin x₂' } // biome-ignore format: a table
const SIDE = 48
const SMALL = SIDE / 2
const classes = (s: Readonly<Record<string, unknown>>) => s.problem === 'classification'
type Point = [number, number, number]

const schema = {
  problem: {
    label: ['Problem', '问题'],
    value: 'classification',
    options: { classification: ['Classification', '分类'], regression: ['Regression', '回归'] },
  },
  data: {
    label: ['Data', '数据'],
    value: 'circle',
    options: {
      circle: ['Circle', '圆'],
      xor: ['Exclusive or', '异或'],
      gauss: ['Two clouds', '两团点'],
      spiral: ['Spiral', '螺旋'],
      plane: ['A slope', '斜面'],
      hills: ['Hills and valleys', '山与谷'],
      drawn: ['Drawn by you', '自己画'],
    },
  },
  noise: { label: ['Noise', '噪声'], value: 0, min: 0, max: 50, step: 5, unit: ' %' },
  train: {
    label: ['Training share', '训练集占比'],
    value: 50,
    min: 10,
    max: 90,
    step: 10,
    unit: ' %',
  },
  batch: { label: ['Batch size', '批大小'], value: 10, min: 1, max: 30, step: 1 },
  activation: {
    label: ['Activation', '激活函数'],
    value: 'tanh',
    options: {
      tanh: 'tanh',
      relu: 'ReLU',
      leaky: 'Leaky ReLU',
      sigmoid: 'sigmoid',
      linear: ['none (linear)', '无（线性）'],
    },
  },
  optimizer: {
    label: ['Optimizer', '优化器'],
    value: 'sgd',
    options: { sgd: 'SGD', momentum: ['SGD with momentum 0.9', 'SGD，动量 0.9'], adam: 'Adam' },
  },
  rate: learningRate(0.03, [0.00001, 0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10]),
  penalty: {
    label: ['Regularization', '正则化'],
    value: 'none',
    options: { none: ['none', '无'], l1: 'L1', l2: 'L2' },
  },
  strength: {
    label: ['Its strength', '正则化强度'],
    value: 0.001,
    options: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
    when: (s) => s.penalty !== 'none',
  },
  seed: seed(),
  showTest: { label: ['Show the test points', '显示测试点'], value: false },
  rounded: { label: ['Answers as yes or no', '输出取整'], value: false, when: classes },
  inputs: {
    label: ['Inputs', '输入'],
    value: ['x1', 'x2'] as string[],
    hidden: true,
    valid: someOf(names),
  },
  layers: {
    label: ['Layers', '层'],
    value: [4, 2] as number[],
    hidden: true,
    valid: wholeList(6, 1, 8),
  },
  drawn: {
    label: ['Points', '点'],
    value: [
      [-2, 2, 1],
      [2, -2, 1],
      [2, 2, -1],
      [-2, -2, -1],
    ] as Point[],
    hidden: true,
    valid: numberRows(3, 6, { least: 1, most: 400 }),
  },
} as const satisfies Schema

const words = {
  label: ['label', '标签'],
  network: ['The network', '网络'],
  inputs: ['inputs', '输入'],
  neurons: ['neurons', '个神经元'],
  output: ['output', '输出'],
  layer: ['Layer', '层'],
  addLayer: ['Add a layer', '添加一层'],
  dropLayer: ['Remove the last layer', '删除最后一层'],
  more: ['One neuron more in layer', '增加神经元，层'],
  less: ['One neuron less in layer', '减少神经元，层'],
  neuron: ['Neuron', '神经元'],
  bias: ['bias', '偏置'],
  hand: ['Its weights, to be set by hand', '它的权重，可以手动设置'],
  dead: ['dead: 0 for every point', '已死亡：对所有点输出 0'],
  field: [
    'What the network answers at each place, with the points',
    '网络在每个位置的输出，以及数据点',
  ],
  trainLoss: ['training loss', '训练损失'],
  testLoss: ['test loss', '测试损失'],
  losses: ['Loss over steps', '损失随步数的变化'],
  draw: ['Press on the plane to add points of', '点击平面添加点，颜色：'],
  blue: ['blue', '蓝'],
  orange: ['orange', '橙'],
  clear: ['Remove the last point', '删除最后一点'],
} as const satisfies Record<string, Text>

/** The points of the data, drawn anew only when there are others. */
const Dots = memo(
  ({ rows, test, area }: { rows: Float32Array; test: boolean; area: PlotArea }) => (
    <g>
      {Array.from({ length: rows.length / 3 }, (_, i) => (
        <circle
          key={i}
          cx={area.x(rows[3 * i]!)}
          cy={area.y(rows[3 * i + 1]!)}
          r={3.1}
          fill={css(rows[3 * i + 2]! * 0.95)}
          stroke={test ? 'var(--ink)' : 'var(--page)'}
          stroke-width={test ? 1.2 : 0.8}
        />
      ))}
    </g>
  ),
  (a, b) => a.rows === b.rows,
)

function View({ s, set, run, frame }: ViewProps<typeof schema, Frame>) {
  const chosen = useSignal<{ layer: number; index: number } | undefined>(undefined)
  const color = useSignal(1)
  const { fields, inputs, weights, dead, loss } = frame
  // A frame of the network before the last change.
  if (weights.length !== s.layers.length + 1) return <div class="notice" />
  const resize = (i: number, by: number) =>
    set({ layers: s.layers.map((n, j) => (i === j ? Math.max(1, Math.min(8, n + by)) : n)) })
  const active = s.inputs.map((name) => names.indexOf(name as (typeof names)[number]))
  const scale = (layer: number) =>
    layer === fields.length - 1
      ? 1
      : s.activation === 'tanh' || s.activation === 'sigmoid'
        ? 1
        : undefined
  const pick =
    chosen.value &&
    weights[chosen.value.layer] &&
    chosen.value.index < weights[chosen.value.layer]!.to
      ? chosen.value
      : undefined

  const inputNodes = names.map((name) => {
    const at = s.inputs.indexOf(name)
    const on = at >= 0
    return (
      <label key={name} class="input-node">
        <input
          type="checkbox"
          checked={on}
          disabled={on && s.inputs.length === 1}
          onChange={() =>
            set({ inputs: names.filter((n) => (n === name ? !on : s.inputs.includes(n))) })
          }
        />
        {shown[name]}
        <span class={`neuron ${on ? '' : 'off'}`}>
          {on && inputs[at] && (
            <Heat data={inputs[at]} width={SMALL} height={SMALL} label={shown[name]!} />
          )}
        </span>
      </label>
    )
  })
  const neuron = (layer: number, index: number) => {
    const gone = dead[layer]?.[index]
    const label = `${t(words.neuron)} ${layer + 1}.${index + 1}${gone ? `, ${t(words.dead)}` : ''}`
    const on = pick?.layer === layer && pick.index === index
    return (
      <button
        type="button"
        class={`neuron ${gone ? 'dead' : ''}`}
        aria-pressed={on}
        aria-label={label}
        title={label}
        onClick={() => {
          chosen.value = on ? undefined : { layer, index }
        }}
      >
        <Heat
          data={fields[layer]![index]!}
          width={SMALL}
          height={SMALL}
          scale={scale(layer)}
          label=""
        />
      </button>
    )
  }
  const columns = [
    { head: <span>{t(words.inputs)}</span>, nodes: inputNodes },
    ...s.layers.map((n, layer) => ({
      head: (
        <>
          <div class="row">
            <button
              type="button"
              aria-label={`${t(words.more)} ${layer + 1}`}
              disabled={n === 8}
              onClick={() => resize(layer, 1)}
            >
              +
            </button>
            <button
              type="button"
              aria-label={`${t(words.less)} ${layer + 1}`}
              disabled={n === 1}
              onClick={() => resize(layer, -1)}
            >
              −
            </button>
          </div>
          <span>
            {n} {t(words.neurons)}
          </span>
        </>
      ),
      nodes: Array.from({ length: n }, (_, i) => neuron(layer, i)),
    })),
    { head: <span>{t(words.output)}</span>, nodes: [neuron(s.layers.length, 0)] },
  ]

  const { answer } = frame
  const field =
    s.rounded && s.problem === 'classification' ? answer.map((v) => (v >= 0 ? 1 : -1)) : answer
  const drawing = s.data === 'drawn'
  const from =
    pick &&
    (pick.layer === 0
      ? s.inputs.map((n) => shown[n]!)
      : Array.from({ length: weights[pick.layer]!.from }, (_, i) => `${pick.layer}.${i + 1}`))
  return (
    <>
      <div class="row">
        <button
          type="button"
          disabled={s.layers.length === 6}
          onClick={() => set({ layers: [...s.layers, 4] })}
        >
          {t(words.addLayer)}
        </button>
        <button
          type="button"
          disabled={s.layers.length === 0}
          onClick={() => set({ layers: s.layers.slice(0, -1) })}
        >
          {t(words.dropLayer)}
        </button>
      </div>
      <TableInput
        roles={['x₁', 'x₂', words.label]}
        half={5}
        classes={s.problem === 'classification' ? 2 : 0}
        onRows={(rows) =>
          set({
            data: 'drawn',
            // Classes are -1 and 1; numbers of a regression go from -1 to 1.
            drawn: rows.map(
              ([a = 0, b = 0, c = 0]): Point => [
                a,
                b,
                s.problem === 'classification' ? 1 - 2 * c : c / 5,
              ],
            ),
          })
        }
      />
      <Scroll label={t(words.network)}>
        <div style={{ minWidth: `${columns.length * 6.2}rem` }}>
          <Network columns={columns} weights={weights.map((l) => l.w)} active={active} />
        </div>
      </Scroll>
      {pick && from && (
        <WeightSliders
          title={`${t(words.neuron)} ${pick.layer + 1}.${pick.index + 1}: ${t(words.hand)}`}
          names={[...from, t(words.bias)]}
          values={[
            ...weights[pick.layer]!.w.slice(
              pick.index * from.length,
              (pick.index + 1) * from.length,
            ),
            weights[pick.layer]!.b[pick.index]!,
          ]}
          onValue={(i, value) =>
            // The bias comes last.
            run.ask('weight', pick.layer, pick.index, i === from.length ? -1 : i, value)
          }
        />
      )}
      <div class="split">
        <div>
          <Plot
            width={380}
            height={380}
            x={[-6, 6]}
            y={[-6, 6]}
            label={t(words.field)}
            back={
              <Heat
                data={field}
                width={SIDE}
                height={SIDE}
                scale={1}
                smooth={!s.rounded}
                label=""
              />
            }
            {...(drawing && {
              onPoint: ({ x, y, start }: { x: number; y: number; start: boolean }) => {
                const round = (v: number) => Math.round(v * 10) / 10
                if (start && s.drawn.length < 400)
                  set({ drawn: [...s.drawn, [round(x), round(y), color.value]] })
              },
            })}
          >
            {(area) => (
              <>
                <Dots rows={frame.train} test={false} area={area} />
                {s.showTest && <Dots rows={frame.test} test area={area} />}
              </>
            )}
          </Plot>
          {drawing && (
            <div class="row">
              <span class="small">{t(words.draw)}</span>
              {([1, -1] as const).map((c) => (
                <button
                  key={c}
                  type="button"
                  aria-pressed={color.value === c}
                  onClick={() => {
                    color.value = c
                  }}
                >
                  {t(c === 1 ? words.blue : words.orange)}
                </button>
              ))}
              <button
                type="button"
                disabled={s.drawn.length < 2}
                onClick={() => set({ drawn: s.drawn.slice(0, -1) })}
              >
                {t(words.clear)}
              </button>
            </div>
          )}
        </div>
        <div>
          <Numbers
            values={[
              [t(words.trainLoss), loss.train],
              [t(words.testLoss), loss.test],
            ]}
          />
          <Chart
            label={t(words.losses)}
            x={frame.history.step}
            curves={[
              { label: t(words.trainLoss), data: frame.history.train },
              { label: t(words.testLoss), data: frame.history.test },
            ]}
            height={260}
          />
        </div>
      </div>
    </>
  )
}

export default definePage<Frame>()({
  schema,
  live: ['rate', 'showTest', 'rounded'],
  intro: [
    'Choose what the network sees, add layers and neurons, and train it. Each small picture shows what one neuron answers over the whole plane: blue above 0, orange below. Press on a neuron to set its weights by hand.',
    '选择网络能看到什么，添加层和神经元，然后训练。每幅小图是一个神经元在整个平面上的输出：蓝色大于 0，橙色小于 0。点一个神经元，可以手动设置它的权重。',
  ],
  formula: String.raw`h^{(l)} = f\bigl(W^{(l)} h^{(l-1)} + b^{(l)}\bigr), \qquad L = \frac{1}{2n}\sum_i \bigl(\hat y_i - y_i\bigr)^2 + \lambda\, R(W)`,
  question: [
    'Take the data “Circle” and the activation “none (linear)”, with as many layers as you like. Can the network part the two colours? Then take tanh and a single layer of three neurons.',
    '选数据“圆”和激活函数“无（线性）”，层数随意。网络能分开两种颜色吗？再换成 tanh，只用一层三个神经元。',
  ],
  answer: [
    'Without an activation every layer is a linear map, and linear maps one after the other are one linear map: the border stays a straight line, and the loss stays near 0.5. Three tanh neurons draw three lines, and the output closes them into a triangle around the inner points.',
    '没有激活函数，每一层都是线性映射，线性映射的复合仍是一个线性映射：边界始终是直线，损失停在 0.5 附近。三个 tanh 神经元画出三条线，输出把它们围成一个包住内圈的三角形。',
  ],
  program,
  torch: [
    [
      'new nn.Sequential(new nn.Linear(2, 4), new nn.Tanh())',
      'nn.Sequential(nn.Linear(2, 4), nn.Tanh())',
    ],
    ['new SGD(model.parameters(), { lr: 0.03 })', 'torch.optim.SGD(model.parameters(), lr=0.03)'],
    ['compile(f)', 'torch.compile(f)'],
    ['scan(step, null, index)', 'for i in index: step(i)'],
  ],
  View,
})
