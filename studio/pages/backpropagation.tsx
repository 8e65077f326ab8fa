import { useSignal } from '@preact/signals'
import { definePage, type ViewProps } from '../page.js'
import { css } from '../parts/colors.js'
import { FormulaInput } from '../parts/FormulaInput.js'
import { Scroll } from '../parts/Scroll.js'
import { textOf, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './backpropagation.model.js'
import program from './backpropagation.program.js?raw'

const variable = (label: string, value: number) => ({
  label: [label, label] as const,
  value,
  min: -4,
  max: 4,
  step: 0.1,
})
const schema = {
  text: {
    label: ['Formula', '公式'],
    value: 'square(sigmoid(w * x + b) - y)' as string,
    hidden: true,
    valid: textOf(0, 200),
  },
  x: variable('x', 1.5),
  w: variable('w', 0.8),
  b: variable('b', -0.4),
  y: variable('y', 1),
} as const satisfies Schema

const words = {
  formula: ['Your own formula of x, y, w and b', '自己的公式，变量 x、y、w、b'],
  draw: ['Draw its graph', '画出计算图'],
  graph: [
    'The graph: values flow to the right, gradients flow back',
    '计算图：数值向右流动，梯度向左流动',
  ],
  forward: ['forward', '前向'],
  backward: ['backward', '反向'],
  node: ['Step', '步骤'],
  value: ['value', '值'],
  grad: ['gradient', '梯度'],
  check: ['Check by two values a little left and right', '用左右两点的差商检验'],
  byBack: ['by back propagation', '反向传播'],
  byNumbers: ['by numbers', '数值差商'],
  show: ['Steps of the walk back', '反向的步数'],
} as const satisfies Record<string, Text>

const short = (v: number) =>
  Math.abs(v) >= 1000 || (v !== 0 && Math.abs(v) < 0.001)
    ? v.toExponential(1)
    : `${Number(v.toFixed(3))}`

function View({ s, set, frame }: ViewProps<typeof schema, Frame>) {
  const back = useSignal(99)
  const { nodes } = frame
  const depth = Math.max(0, ...nodes.map((n) => n.depth))
  const rows = new Map<number, number>()
  const places = nodes.map((n) => {
    const row = rows.get(n.depth) ?? 0
    rows.set(n.depth, row + 1)
    return { column: n.depth, row }
  })
  const most = Math.max(1, ...rows.values())
  const [w, h] = [126, 84]
  const x = (i: number) => places[i]!.column * w + 52
  const y = (i: number) => ((places[i]!.row + 0.5) / rows.get(places[i]!.column)!) * most * h
  // Gradients appear from the end on, as they are computed.
  const reached = (i: number) => nodes.length - i <= back.value
  return (
    <>
      <FormulaInput
        label={words.formula}
        action={words.draw}
        text={s.text}
        error={frame.error}
        onUse={(text) => set({ text })}
      />
      {nodes.length > 0 && (
        <>
          <h3>{t(words.graph)}</h3>
          <Scroll label={t(words.graph)}>
            <svg
              class="graph"
              style={{ width: `${(depth + 1) * w}px` }}
              viewBox={`0 0 ${(depth + 1) * w} ${most * h}`}
              role="img"
              aria-label={t(words.graph)}
            >
              {nodes.map((n, i) =>
                n.inputs.map((from, k) => (
                  <line
                    key={`${i} ${k}`}
                    x1={x(from) + 44}
                    y1={y(from)}
                    x2={x(i) - 44}
                    y2={y(i)}
                    stroke="var(--muted)"
                    stroke-width={1.2}
                  />
                )),
              )}
              {nodes.map((n, i) => (
                <g key={i} transform={`translate(${x(i)} ${y(i)})`}>
                  <rect
                    x={-45}
                    y={-32}
                    width={90}
                    height={64}
                    rx={9}
                    fill="var(--card)"
                    stroke={n.inputs.length ? 'var(--accent)' : 'var(--muted)'}
                  />
                  <text class="strong" text-anchor="middle" y={-13}>
                    {n.label}
                  </text>
                  <text class="strong" text-anchor="middle" y={6}>
                    {short(n.value)}
                  </text>
                  {reached(i) && (
                    <>
                      <rect
                        x={-40}
                        y={12}
                        width={80}
                        height={16}
                        rx={5}
                        fill={css(n.grad * 0.12)}
                      />
                      <text class="strong" text-anchor="middle" y={24}>
                        ∂ {short(n.grad)}
                      </text>
                    </>
                  )}
                </g>
              ))}
            </svg>
          </Scroll>
          <div class="row">
            <label>
              {t(words.show)}{' '}
              <input
                type="range"
                min={0}
                max={nodes.length}
                step={1}
                value={Math.min(back.value, nodes.length)}
                onInput={(e) => {
                  back.value = e.currentTarget.valueAsNumber
                }}
              />
            </label>
          </div>
          <h3>{t(words.check)}</h3>
          <table class="terms">
            <thead>
              <tr>
                <th scope="col"> </th>
                <th scope="col">{t(words.byBack)}</th>
                <th scope="col">{t(words.byNumbers)}</th>
              </tr>
            </thead>
            <tbody>
              {frame.numeric.map(({ name, value }) => (
                <tr key={name}>
                  <td>∂/∂{name}</td>
                  <td>{nodes.find((n) => n.label === name)!.grad.toFixed(6)}</td>
                  <td>{value.toFixed(6)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </>
  )
}

export default definePage<Frame>()({
  schema,
  intro: [
    'A formula is a graph of small steps. Forward, each step computes its value; backward, each step passes on how much the result changes when its value does. Type a formula, and move its variables.',
    '公式就是由小步骤组成的图。前向时每一步算出自己的值；反向时每一步传回“它的值变化时结果变化多少”。输入公式，调节变量试试。',
  ],
  formula: String.raw`\frac{\partial L}{\partial a} = \sum_{c \,\in\, \text{uses of } a} \frac{\partial L}{\partial c}\,\frac{\partial c}{\partial a}`,
  question: [
    'Type x * x + x. The graph has x once. Why is its gradient 2x + 1, and along which lines does it come?',
    '输入 x * x + x。图中 x 只出现一次。为什么它的梯度是 2x + 1？梯度沿哪些线传来？',
  ],
  answer: [
    'x is used three times: twice by the product, once by the sum. Each use sends its part back, x and x from the product and 1 from the sum, and the parts are added. With x = 1.5 the picture shows 4.',
    'x 被用了三次：乘积用了两次，加法用了一次。每次使用都传回自己的一份，乘积传回 x 和 x，加法传回 1，然后相加。x = 1.5 时图中显示 4。',
  ],
  program,
  torch: [
    ['tensor(1.5, { requiresGrad: true })', 'torch.tensor(1.5, requires_grad=True)'],
    ['loss.backward()', 'loss.backward()'],
    ['gradients([loss], [x, w])', 'torch.autograd.grad(loss, [x, w])'],
    ['x.grad', 'x.grad'],
  ],
  View,
})
