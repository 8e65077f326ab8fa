/** The same points as they are, standardized and from 0 to 1, and three classifiers that learn at one rate. */
import type { Frame } from '../pages/data.model.js'
import { Chart } from '../parts/Chart.js'
import { series } from '../parts/colors.js'
import { Facts } from '../parts/Facts.js'
import { Legend } from '../parts/Legend.js'
import { Plot } from '../parts/Plot.js'
import { Scroll } from '../parts/Scroll.js'
import { type Text, t } from '../text.js'
import { nameOf } from './dataWords.js'

const words = {
  none: ['as they are', '原始数据'],
  standard: ['standardized', '标准化'],
  minmax: ['from 0 to 1', '最小–最大缩放'],
  picture: [
    'The same rows, with one unit for both axes, and the class that each place gets',
    '同样的数据，两轴单位相同；底色是该处被判为的类别',
  ],
  losses: ['Loss over steps at the same rate', '相同学习率下损失随步数的变化'],
  loss: ['cross entropy', '交叉熵'],
  accuracy: ['right', '正确率'],
  condition: ['condition number: longest to widest of the valley', '条件数：山谷长宽之比'],
  limit: ['rate above which it leaves the valley at the start', '起点处会冲出山谷的学习率'],
  way: ['Numbers', '数值'],
  one: [
    'This table has no column of classes, so that nothing is to be told apart. Take another one.',
    '这个表格没有类别列，没有可区分的内容。请换一个表格。',
  ],
} as const satisfies Record<string, Text>
const ways = ['none', 'standard', 'minmax'] as const

const short = (v: number) =>
  Number.isFinite(v)
    ? v >= 1e4 || v < 1e-3
      ? v.toExponential(1)
      : `${Number(v.toPrecision(3))}`
    : '–'

export function DataScaling({ frame, x, y }: { frame: Frame; x: number; y: number }) {
  const { columns, classes, labels, history } = frame
  const shown = frame.ways ?? []
  if (classes.length < 2)
    return (
      <p class="trouble" role="alert">
        {t(words.one)}
      </p>
    )
  return (
    <>
      <Legend items={classes.map((c, i) => [nameOf(c), series(i)] as const)} />
      <p class="small">{t(words.picture)}</p>
      <div class="grid thirds">
        {shown.map((way, w) => {
          const ends: [number, number] = [way.center - way.half, way.center + way.half]
          const side = Math.sqrt(way.field.length)
          const cell = (2 * way.half) / (side - 1)
          return (
            <figure key={w}>
              <figcaption>{t(words[ways[w]!])}</figcaption>
              <Plot
                x={ends}
                y={ends}
                width={280}
                height={270}
                label={`${t(words[ways[w]!])}: ${nameOf(columns[x]!)}, ${nameOf(columns[y]!)}`}
              >
                {(area) => (
                  <>
                    {classes.map((_, c) => {
                      let d = ''
                      const [width, height] = [area.x(cell) - area.x(0), area.y(0) - area.y(cell)]
                      way.field.forEach((k, i) => {
                        if (k !== c) return
                        const px = area.x(ends[0] + (i % side) * cell) - width / 2
                        const py = area.y(ends[1] - Math.floor(i / side) * cell) - height / 2
                        d += `M${px.toFixed(1)} ${py.toFixed(1)}h${width.toFixed(1)}v${height.toFixed(1)}h${(-width).toFixed(1)}z`
                      })
                      return <path key={c} d={d} fill={series(c)} fill-opacity={0.2} />
                    })}
                    {labels.map((label, i) => (
                      <circle
                        key={i}
                        cx={area.x(way.points[2 * i]!)}
                        cy={area.y(way.points[2 * i + 1]!)}
                        r={2.5}
                        fill={series(label)}
                      />
                    ))}
                  </>
                )}
              </Plot>
            </figure>
          )
        })}
      </div>
      {history && (
        <Chart
          label={t(words.losses)}
          x={history.step}
          curves={ways.map((name) => ({ label: t(words[name]), data: history[name] }))}
          log
          height={260}
        />
      )}
      <Scroll label={t(words.way)}>
        <Facts
          columns={ways.map((name) => t(words[name]))}
          rows={[
            [t(words.loss), ...shown.map((way) => short(way.loss))],
            [t(words.accuracy), ...shown.map((way) => `${(way.accuracy * 100).toFixed(0)} %`)],
            [t(words.condition), ...shown.map((way) => short(way.condition))],
            [t(words.limit), ...shown.map((way) => short(way.rate))],
          ]}
        />
      </Scroll>
    </>
  )
}
