/** A column as a histogram, two columns as points, and their statistics with the formulas. */
import type { Frame } from '../pages/data.model.js'
import { series } from '../parts/colors.js'
import { Facts } from '../parts/Facts.js'
import { Formula } from '../parts/Formula.js'
import { Legend } from '../parts/Legend.js'
import { MatrixTable } from '../parts/Matrix.js'
import { Plot } from '../parts/Plot.js'
import { Scroll } from '../parts/Scroll.js'
import { type Text, t } from '../text.js'
import { nameOf } from './dataWords.js'

const words = {
  histogram: [
    'How many lie where: the mean (line), the median (dashed), the middle half (band)',
    '数值落在何处：均值（实线）、中位数（虚线）、中间一半（色带）',
  ],
  pair: [
    'One column against the other, with the line of least squares',
    '一列对另一列，以及最小二乘直线',
  ],
  numbers: ['The numbers', '统计量'],
  mean: ['mean', '均值'],
  variance: ['variance', '方差'],
  unbiased: ['variance with n − 1', '方差（除以 n − 1）'],
  std: ['standard deviation', '标准差'],
  median: ['median', '中位数'],
  quartiles: ['quartiles', '四分位数'],
  iqr: ['distance of the quartiles', '四分位距'],
  skewness: ['skewness', '偏度'],
  pearson: ['correlation (Pearson)', '相关系数（Pearson）'],
  spearman: ['correlation of the ranks (Spearman)', '秩相关系数（Spearman）'],
  cosine: ['cosine of the two centered columns', '两列减去均值后的夹角余弦'],
  matrix: ['Correlations of all columns', '所有列之间的相关系数'],
} as const satisfies Record<string, Text>

/** A number in TeX. */
const tex = (v: number) => {
  if (!Number.isFinite(v)) return String.raw`\text{–}`
  const size = Math.abs(v)
  if (size !== 0 && (size >= 1e6 || size < 1e-3)) {
    const [digits, power] = v.toExponential(2).split('e')
    return String.raw`${digits}\cdot 10^{${Number(power)}}`
  }
  return `${Number(v.toPrecision(5))}`
}
/** Room around what is shown. */
function range(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const room = (high - low) * 0.05 || 0.5
  return [low - room, high + room]
}

export function DataDistribution({
  frame: { columns, classes, labels },
  look,
  x,
  y,
}: {
  frame: Frame
  look: NonNullable<Frame['look']>
  x: number
  y: number
}) {
  const [, q1 = 0, q2 = 0, q3 = 0] = look.quartiles
  const [xName, yName] = [nameOf(columns[x]!), nameOf(columns[y]!)]
  const n = look.x.length
  const sums = look.edges.slice(1).map((_, k) => look.counts.reduce((s, c) => s + (c[k] ?? 0), 0))
  const ends: [number, number] = [look.edges[0]!, look.edges.at(-1)!]
  const lines: [Text, string][] = [
    [words.mean, String.raw`\bar x = \tfrac1n \sum_i x_i = ${tex(look.mean)}`],
    [
      words.variance,
      String.raw`\sigma^2 = \tfrac1n \sum_i (x_i - \bar x)^2 = ${tex(look.variance)}`,
    ],
    [
      words.unbiased,
      String.raw`s^2 = \tfrac1{n-1} \sum_i (x_i - \bar x)^2 = ${tex(look.unbiased)}`,
    ],
    [words.std, String.raw`\sigma = \sqrt{\sigma^2} = ${tex(look.std)}`],
    [words.median, `Q_{1/2} = ${tex(q2)}`],
    [words.quartiles, String.raw`Q_{1/4} = ${tex(q1)},\; Q_{3/4} = ${tex(q3)}`],
    [words.iqr, `Q_{3/4} - Q_{1/4} = ${tex(q3 - q1)}`],
    [
      words.skewness,
      String.raw`\tfrac1n \sum_i \left(\tfrac{x_i - \bar x}{\sigma}\right)^3 = ${tex(look.skewness)}`,
    ],
    [
      words.pearson,
      String.raw`r = \tfrac{\sum_i (x_i - \bar x)(y_i - \bar y)}{n\,\sigma_x \sigma_y} = ${tex(look.pearson)}`,
    ],
    [words.spearman, String.raw`\rho = r(\text{rank}\,x, \text{rank}\,y) = ${tex(look.spearman)}`],
    [words.cosine, String.raw`\cos\angle(x - \bar x,\, y - \bar y) = ${tex(look.cosine)}`],
  ]
  return (
    <>
      <Legend items={classes.map((c, i) => [nameOf(c), series(i)] as const)} />
      <div class="split even">
        <figure>
          <figcaption>{t(words.histogram)}</figcaption>
          <Plot
            x={ends}
            y={[0, Math.max(1, ...sums) * 1.08]}
            width={400}
            height={330}
            label={`${t(words.histogram)}: ${xName}`}
            xLabel={xName}
          >
            {(area) => (
              <>
                <rect
                  x={area.x(q1)}
                  width={Math.max(0, area.x(q3) - area.x(q1))}
                  y={10}
                  height={282}
                  fill="var(--accent)"
                  fill-opacity={0.1}
                />
                {look.edges.slice(1).map((right, k) => {
                  let under = 0
                  return look.counts.map((counts, c) => {
                    const from = under
                    under += counts[k] ?? 0
                    return (
                      <rect
                        key={`${k} ${c}`}
                        x={area.x(look.edges[k]!) + 0.5}
                        width={Math.max(0.5, area.x(right) - area.x(look.edges[k]!) - 1)}
                        y={area.y(under)}
                        height={area.y(from) - area.y(under)}
                        fill={series(c)}
                        fill-opacity={0.75}
                      />
                    )
                  })
                })}
                {[look.mean, q2].map((v, i) => (
                  <line
                    key={i}
                    x1={area.x(v)}
                    x2={area.x(v)}
                    y1={10}
                    y2={292}
                    stroke="var(--ink)"
                    stroke-width={2}
                    stroke-dasharray={i ? '5 4' : undefined}
                  />
                ))}
              </>
            )}
          </Plot>
        </figure>
        <figure>
          <figcaption>{t(words.pair)}</figcaption>
          <Plot
            x={range(look.x)}
            y={range(look.y)}
            width={400}
            height={330}
            label={`${xName}, ${yName}: r ${look.pearson.toFixed(2)}`}
            xLabel={xName}
            yLabel={yName}
          >
            {(area) => {
              const [low, high] = range(look.x)
              const at = (v: number) => area.y(look.line.intercept + look.line.slope * v)
              return (
                <>
                  {look.x.map((v, i) => (
                    <circle
                      key={i}
                      cx={area.x(v)}
                      cy={area.y(look.y[i]!)}
                      r={3}
                      fill={series(labels[i] ?? 0)}
                      fill-opacity={0.7}
                    />
                  ))}
                  {Number.isFinite(look.line.slope) && (
                    <line
                      x1={area.x(low)}
                      x2={area.x(high)}
                      y1={at(low)}
                      y2={at(high)}
                      stroke="var(--ink)"
                      stroke-width={2}
                    />
                  )}
                </>
              )
            }}
          </Plot>
        </figure>
      </div>
      <h3 class="spaced">
        {t(words.numbers)}: {xName}, n = {n}
      </h3>
      <Scroll label={t(words.numbers)}>
        <Facts
          rows={lines.map(([name, formula]) => [t(name), <Formula key={0} tex={formula} />])}
        />
      </Scroll>
      <MatrixTable
        data={look.matrix}
        rows={columns.length}
        columns={columns.length}
        rowNames={columns.map(nameOf)}
        columnNames={columns.map(nameOf)}
        scale={1}
        label={t(words.matrix)}
      />
    </>
  )
}
