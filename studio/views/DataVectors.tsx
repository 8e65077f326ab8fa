/** Two vectors to drag: dot product, norms, angle, projection. */
import { useRef } from 'preact/hooks'
import type { Frame } from '../pages/data.model.js'
import { series } from '../parts/colors.js'
import { Facts } from '../parts/Facts.js'
import { Formula } from '../parts/Formula.js'
import { Legend } from '../parts/Legend.js'
import { Plot, type PlotArea } from '../parts/Plot.js'
import { Scroll } from '../parts/Scroll.js'
import { type Text, t } from '../text.js'

const words = {
  picture: [
    'Drag the ends of the two vectors, or move the sliders',
    '拖动两个向量的端点，或移动滑块',
  ],
  projection: ['a projected onto b', 'a 在 b 上的投影'],
  ball: ['all vectors with the norm of a', '与 a 范数相同的所有向量'],
  dot: ['dot product', '点积'],
  lengthA: ['length of a', 'a 的长度'],
  lengthB: ['length of b', 'b 的长度'],
  numbers: ['The numbers', '数值'],
  cosine: ['cosine', '余弦'],
  angle: ['angle', '夹角'],
  shadow: ['projection', '投影'],
  norm: ['norm', '范数'],
  distance: ['distance', '距离'],
} as const satisfies Record<string, Text>

const HALF = 4
const show = (v: number) => (Number.isFinite(v) ? `${Number(v.toFixed(3))}` : String.raw`\text{–}`)
const signed = (v: number) => (v < 0 ? `(${show(v)})` : show(v))

function Arrow({
  area,
  to,
  color,
  name,
}: {
  area: PlotArea
  to: number[]
  color: string
  name?: string
}) {
  const [x, y] = [area.x(to[0]!), area.y(to[1]!)]
  const angle = Math.atan2(y - area.y(0), x - area.x(0))
  const wing = (turn: number) =>
    `${(x - 12 * Math.cos(angle + turn)).toFixed(1)} ${(y - 12 * Math.sin(angle + turn)).toFixed(1)}`
  return (
    <g stroke={color} fill={color}>
      <line x1={area.x(0)} y1={area.y(0)} x2={x} y2={y} stroke-width={3} />
      <path d={`M${x.toFixed(1)} ${y.toFixed(1)}L${wing(0.45)}L${wing(-0.45)}Z`} />
      {name && (
        <>
          <circle cx={x} cy={y} r={11} fill-opacity={0.18} stroke="none" />
          <text
            class="strong"
            stroke="none"
            x={x + 14 * Math.cos(angle)}
            y={y + 14 * Math.sin(angle) + 4}
            text-anchor="middle"
          >
            {name}
          </text>
        </>
      )}
    </g>
  )
}

interface Ends {
  a1: number
  a2: number
  b1: number
  b2: number
  p: '1' | '2' | 'inf'
}

export function DataVectors({
  vectors,
  s,
  set,
}: {
  vectors: NonNullable<Frame['vectors']>
  s: Ends
  set: (change: Partial<Ends>) => void
}) {
  const held = useRef<'a' | 'b' | undefined>(undefined)
  const { a1, a2, b1, b2 } = s
  const { norms, lengths, projection } = vectors
  const p = s.p === 'inf' ? String.raw`\infty` : s.p
  const lines: [Text, string][] = [
    [
      words.dot,
      String.raw`a \cdot b = ${show(a1)} \cdot ${signed(b1)} + ${signed(a2)} \cdot ${signed(b2)} = ${show(vectors.dot)}`,
    ],
    [words.lengthA, String.raw`\lVert a \rVert = \sqrt{a \cdot a} = ${show(norms[0]!)}`],
    [words.lengthB, String.raw`\lVert b \rVert = \sqrt{b \cdot b} = ${show(norms[1]!)}`],
    [
      words.cosine,
      String.raw`\cos\varphi = \tfrac{a \cdot b}{\lVert a \rVert \lVert b \rVert} = ${show(vectors.cosine)}`,
    ],
    [words.angle, String.raw`\varphi = ${show(vectors.angle)}^\circ`],
    [
      words.shadow,
      String.raw`\tfrac{a \cdot b}{b \cdot b}\, b = ${show(vectors.along)}\, b = (${projection.map(show).join(',\\;')})`,
    ],
    [
      words.norm,
      String.raw`\lVert a \rVert_{${p}} = ${show(lengths[0]!)},\; \lVert b \rVert_{${p}} = ${show(lengths[1]!)}`,
    ],
    [words.distance, String.raw`\lVert a - b \rVert_{${p}} = ${show(vectors.distance)}`],
  ]
  return (
    <div class="split">
      <figure>
        <figcaption>{t(words.picture)}</figcaption>
        <Plot
          x={[-HALF, HALF]}
          y={[-HALF, HALF]}
          width={440}
          height={430}
          label={t(words.picture)}
          onPoint={({ x, y, start }) => {
            const [u, v] = [Math.round(x * 10) / 10, Math.round(y * 10) / 10]
            // The nearer end; of two at one place the first.
            if (start)
              held.current = Math.hypot(x - a1, y - a2) <= Math.hypot(x - b1, y - b2) ? 'a' : 'b'
            set(held.current === 'b' ? { b1: u, b2: v } : { a1: u, a2: v })
          }}
        >
          {(area) => {
            const [from, to] = [Math.atan2(a2, a1), Math.atan2(b2, b1)]
            let turn = to - from
            if (turn > Math.PI) turn -= 2 * Math.PI
            if (turn < -Math.PI) turn += 2 * Math.PI
            const arc = Array.from({ length: 25 }, (_, i) => from + (turn * i) / 24)
            const line = (points: readonly (readonly [number, number])[]) =>
              points
                .map(
                  ([x, y], i) => `${i ? 'L' : 'M'}${area.x(x).toFixed(1)} ${area.y(y).toFixed(1)}`,
                )
                .join('')
            const ball = Array.from(
              { length: vectors.ball.length / 2 },
              (_, i) => [vectors.ball[2 * i]!, vectors.ball[2 * i + 1]!] as const,
            )
            const known = Number.isFinite(vectors.cosine)
            return (
              <>
                <path class="stroke" stroke="var(--muted)" d={line(ball)} />
                {known && (
                  <>
                    <path
                      class="stroke"
                      stroke="var(--muted)"
                      d={line(arc.map((w) => [0.7 * Math.cos(w), 0.7 * Math.sin(w)] as const))}
                    />
                    <path
                      class="stroke"
                      stroke="var(--muted)"
                      stroke-dasharray="5 4"
                      d={line([
                        [a1, a2],
                        [projection[0]!, projection[1]!],
                      ])}
                    />
                    <line
                      x1={area.x(0)}
                      y1={area.y(0)}
                      x2={area.x(projection[0]!)}
                      y2={area.y(projection[1]!)}
                      stroke={series(2)}
                      stroke-width={8}
                      stroke-opacity={0.6}
                      stroke-linecap="round"
                    />
                  </>
                )}
                <Arrow area={area} to={[b1, b2]} color={series(1)} name="b" />
                <Arrow area={area} to={[a1, a2]} color={series(0)} name="a" />
              </>
            )
          }}
        </Plot>
        <Legend
          items={[
            ['a', series(0)],
            ['b', series(1)],
            [t(words.projection), series(2)],
            [`${t(words.ball)} (L${s.p === 'inf' ? '∞' : s.p})`, 'var(--muted)'],
          ]}
        />
      </figure>
      <Scroll label={t(words.numbers)}>
        <Facts
          rows={lines.map(([name, formula]) => [t(name), <Formula key={0} tex={formula} />])}
        />
      </Scroll>
    </div>
  )
}
