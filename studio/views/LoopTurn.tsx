/** One turn of the loop in its four stages, the points with what is answered, and how the error goes from turn to turn. */
import type { Frame } from '../pages/loop.model.js'
import { Chart } from '../parts/Chart.js'
import { series } from '../parts/colors.js'
import { Facts } from '../parts/Facts.js'
import { Formula } from '../parts/Formula.js'
import { Numbers } from '../parts/Numbers.js'
import { path, Plot } from '../parts/Plot.js'
import { type Text, t } from '../text.js'

const words = {
  guess: ['1 Guess: forward', '1 猜测：前向'],
  compare: ['2 Compare: loss', '2 比较：损失'],
  gradient: ['3 Whose fault: gradient', '3 归因：梯度'],
  correct: ['4 Correct: update', '4 修正：更新'],
  back: ['… and again with the new weights', '……带着新的权重再来一次'],
  turn: ['turn', '轮次'],
  points: ['Answers (line), errors (bars), points', '回答（线）、误差（竖条）与数据点'],
  bowl: ['The loss of each weight, and the way of the turns', '每个权重的损失，以及各轮走过的路'],
  weight: ['weight w', '权重 w'],
  loss: ['loss', '损失'],
  losses: ['Loss from turn to turn', '损失随轮次的变化'],
  ways: ['The weight from turn to turn', '权重随轮次的变化'],
  best: ['best', '最优'],
  radius: ['what a turn leaves of an error', '每轮留下的误差倍数'],
  factor: ['1 − ηL″', '1 − ηL″'],
  verdict: ['this loop', '这个回路'],
  calm: ['comes to rest', '收敛'],
  swinging: ['swings, and comes to rest', '振荡后收敛'],
  forever: ['swings forever', '一直振荡'],
  away: ['grows: it diverges', '越走越远：发散'],
  over: [
    'The numbers have left all bounds: start again with a smaller rate.',
    '数值已超出一切范围：请用更小的学习率重新开始。',
  ],
} as const satisfies Record<string, Text>

const number = (v: number) =>
  !Number.isFinite(v) ? '–' : v !== 0 && Math.abs(v) >= 1e5 ? v.toExponential(1) : v.toFixed(3)

export function LoopTurn({ frame, rate }: { frame: Frame; rate: number }) {
  const { loop, points, names, bowl, gain } = frame
  if (!loop || !points || !names) return null
  const { history } = loop
  const verdict = !gain
    ? undefined
    : gain.radius > 1.0005
      ? words.away
      : gain.radius > 0.9995
        ? words.forever
        : loop.swings > 1
          ? words.swinging
          : words.calm
  const stages: [Text, string, [string, ...number[]][]][] = [
    [
      words.guess,
      bowl ? String.raw`\hat y_i = w\, x_i` : String.raw`\hat y_i = f_w(x_i)`,
      loop.guess.map((v, i) => [`x = ${points.x[i]}`, v]),
    ],
    [
      words.compare,
      String.raw`e_i = \hat y_i - y_i,\quad L = \tfrac1n \sum_i e_i^2`,
      [
        ...loop.errors.map((v, i): [string, number] => [`y = ${number(points.y[i]!)}`, v]),
        ...(loop.loss === null ? [] : [['L', loop.loss] as [string, number]]),
      ],
    ],
    [
      words.gradient,
      bowl
        ? String.raw`\tfrac{\partial L}{\partial w} = \tfrac2n \sum_i e_i x_i`
        : String.raw`g = \nabla_w L`,
      loop.gradient.map((v, i) => [`∂L/∂${names[i]}`, v]),
    ],
    [
      words.correct,
      String.raw`w \leftarrow w - ${rate}\, g`,
      loop.done === 4 ? names.map((name, i) => [name, loop.before[i]!, loop.after[i]!]) : [],
    ],
  ]
  const reach = (v: number) => Math.max(-6, Math.min(6, v))
  const lossAt = (w: number) => {
    const first = bowl!.w[0]!
    const at = ((w - first) / (bowl!.w.at(-1)! - first)) * (bowl!.w.length - 1)
    const low = Math.max(0, Math.min(bowl!.w.length - 2, Math.floor(at)))
    const share = at - low
    return bowl!.loss[low]! * (1 - share) + bowl!.loss[low + 1]! * share
  }
  const walked = [...history.w, ...(loop.done === 4 ? [loop.after[0]!] : [])]
  return (
    <>
      <Numbers
        values={[
          [t(words.turn), `${loop.turn + 1}`],
          ...(gain
            ? ([
                [t(words.radius), gain.radius],
                [t(words.factor), gain.factor],
                [t(words.verdict), t(verdict!)],
              ] as const)
            : []),
        ]}
      />
      {loop.over && (
        <p class="trouble" role="alert">
          {t(words.over)}
        </p>
      )}
      <ol class="turn">
        {stages.map(([name, formula, rows], i) => (
          <li
            key={name[0]}
            class={i === loop.done - 1 ? 'now' : i < loop.done ? '' : 'later'}
            aria-current={i === loop.done - 1 ? 'step' : undefined}
          >
            <strong>{t(name)}</strong>
            <Formula tex={formula} />
            <Facts
              rows={rows.map(([name, first, ...more]) => [
                name,
                number(first),
                ...more.map((v) => `→ ${number(v)}`),
              ])}
            />
            {i === 3 && <span class="small muted">{t(words.back)}</span>}
          </li>
        ))}
      </ol>
      <div class="split even">
        <figure>
          <figcaption>{t(words.points)}</figcaption>
          <Plot x={[-1.8, 1.8]} y={[-2, 2]} width={400} height={280} label={t(words.points)}>
            {(area) => (
              <>
                <path class="stroke" stroke={series(0)} d={path(area, loop.line.x, loop.line.y)} />
                {loop.guess.map((v, i) => (
                  <line
                    key={i}
                    x1={area.x(points.x[i]!)}
                    x2={area.x(points.x[i]!)}
                    y1={area.y(points.y[i]!)}
                    y2={area.y(reach(v))}
                    stroke={series(1)}
                    stroke-width={2.5}
                  />
                ))}
                {points.x.map((v, i) => (
                  <circle
                    key={i}
                    cx={area.x(v)}
                    cy={area.y(points.y[i]!)}
                    r={5}
                    fill="var(--ink)"
                  />
                ))}
              </>
            )}
          </Plot>
        </figure>
        {bowl ? (
          <figure>
            <figcaption>{t(words.bowl)}</figcaption>
            <Plot
              x={[bowl.w[0]!, bowl.w.at(-1)!]}
              y={[0, 8]}
              width={400}
              height={280}
              label={t(words.bowl)}
              xLabel={t(words.weight)}
              yLabel={t(words.loss)}
            >
              {(area) => (
                <>
                  <path class="stroke" stroke="var(--muted)" d={path(area, bowl.w, bowl.loss)} />
                  <path
                    class="stroke"
                    stroke={series(0)}
                    stroke-opacity={0.6}
                    d={path(area, walked, walked.map(lossAt))}
                  />
                  {walked.map((w, i) => (
                    <circle
                      key={i}
                      cx={area.x(w)}
                      cy={area.y(lossAt(w))}
                      r={i === walked.length - 1 ? 6 : 3}
                      fill={series(i === walked.length - 1 ? 1 : 0)}
                    />
                  ))}
                </>
              )}
            </Plot>
          </figure>
        ) : (
          <Chart
            label={t(words.losses)}
            x={history.step}
            curves={[{ label: t(words.loss), data: history.loss }]}
            xLabel={t(words.turn)}
            log
            height={250}
          />
        )}
      </div>
      {bowl && (
        <Chart
          label={t(words.ways)}
          x={history.step}
          curves={[
            { label: t(words.weight), data: history.w },
            { label: t(words.best), data: history.step.map(() => bowl.best), dash: true },
          ]}
          xLabel={t(words.turn)}
          height={210}
        />
      )}
    </>
  )
}
