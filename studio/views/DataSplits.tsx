/** Training, validation and test: who gets which row, and what scaling before the split tells of the test. */
import type { Frame } from '../pages/data.model.js'
import { series } from '../parts/colors.js'
import { Facts } from '../parts/Facts.js'
import { Legend } from '../parts/Legend.js'
import { Plot } from '../parts/Plot.js'
import { Scroll } from '../parts/Scroll.js'
import { type Text, t } from '../text.js'
import { nameOf } from './dataWords.js'

const words = {
  parts: ['Each row of the table, by the part that it falls into', '表格的每一行落入哪个部分'],
  train: ['training', '训练集'],
  validation: ['validation', '验证集'],
  test: ['test', '测试集'],
  rows: ['rows', '行数'],
  share: [
    'Share of the rarest class in the test, over 200 splits',
    '200 次划分中测试集里最少类别的占比',
  ],
  random: ['random', '随机'],
  stratified: ['stratified', '分层'],
  wanted: ['in the whole table (line)', '整个表格中的占比（竖线）'],
  leak: [
    'Means of the scaled column over 200 random splits: what is held out against the training part',
    '200 次随机划分：缩放后训练部分的均值（横轴）与留出部分的均值（纵轴）',
  ],
  before: ['scaled before the split', '先缩放再划分'],
  after: ['scaled by the training part', '只用训练集缩放'],
  means: ['What the scaler learns in this split', '本次划分中缩放器学到什么'],
  scaler: ['scaler', '缩放器'],
  mean: ['mean', '均值'],
  std: ['deviation', '标准差'],
  trainMean: ['mean of the training part', '训练部分的均值'],
  heldMean: ['mean of what is held out', '留出部分的均值'],
  correlation: [
    'Correlation of the two means when scaled before the split',
    '先缩放再划分时两个均值的相关系数',
  ],
} as const satisfies Record<string, Text>
const names = ['train', 'validation', 'test'] as const

export function DataSplits({
  frame: { classes },
  splits,
}: {
  frame: Frame
  splits: NonNullable<Frame['splits']>
}) {
  const { parts, labels, counts, shares, leak, before, after } = splits
  const all = [...shares.random, ...shares.stratified]
  const most = Math.min(1, Math.max(splits.share, ...all) * 1.1)
  const far =
    Math.max(0.05, ...[...before.train, ...before.held, ...after.held].map(Math.abs)) * 1.05
  // How often each share comes.
  const tally = (list: readonly number[]) => {
    const times = new Map<number, number>()
    for (const v of list) times.set(v, (times.get(v) ?? 0) + 1)
    return [...times]
  }
  const tallies = { random: tally(shares.random), stratified: tally(shares.stratified) }
  const high = Math.max(...Object.values(tallies).flatMap((list) => list.map(([, n]) => n)))
  return (
    <>
      <Legend items={classes.map((c, i) => [nameOf(c), series(i)] as const)} />
      <p class="small">{t(words.parts)}</p>
      {parts.map((part, k) => (
        <div key={k} class="part-rows">
          <strong>
            {t(words[names[k]!])} ({part.length})
          </strong>
          <div
            role="img"
            aria-label={`${t(words[names[k]!])}: ${counts[k]!.map((n, c) => `${nameOf(classes[c]!)} ${n}`).join(', ')}`}
          >
            {part
              .toSorted((a, b) => a - b)
              .map((i) => (
                <i key={i} style={{ background: series(labels[i] ?? 0) }} />
              ))}
          </div>
        </div>
      ))}
      <Scroll label={t(words.rows)}>
        <Facts
          columns={classes.map(nameOf)}
          rows={counts.map((list, k) => [
            t(words[names[k]!]),
            ...list.map((n, c) => (
              <span key={c}>
                {n} <span class="muted">({((100 * n) / parts[k]!.length).toFixed(0)} %)</span>
              </span>
            )),
          ])}
        />
      </Scroll>
      <div class="split even">
        <figure>
          <figcaption>
            {t(words.share)}: {nameOf(classes[splits.rare]!)}
          </figcaption>
          <Plot x={[0, most]} y={[0, high * 1.08]} width={400} height={280} label={t(words.share)}>
            {(area) => (
              <>
                {(['stratified', 'random'] as const).map((kind, i) =>
                  tallies[kind].map(([v, n]) => (
                    <line
                      key={`${kind} ${v}`}
                      x1={area.x(v) + (i ? 2 : -2)}
                      x2={area.x(v) + (i ? 2 : -2)}
                      y1={area.y(0)}
                      y2={area.y(n)}
                      stroke={series(i ? 3 : 4)}
                      stroke-width={4}
                    />
                  )),
                )}
                <line
                  x1={area.x(splits.share)}
                  x2={area.x(splits.share)}
                  y1={area.y(0)}
                  y2={area.y(high * 1.08)}
                  stroke="var(--ink)"
                  stroke-dasharray="5 4"
                />
              </>
            )}
          </Plot>
          <Legend
            items={[
              [t(words.random), series(3)],
              [t(words.stratified), series(4)],
              [t(words.wanted), 'var(--ink)'],
            ]}
          />
        </figure>
        <figure>
          <figcaption>{t(words.leak)}</figcaption>
          <Plot x={[-far, far]} y={[-far, far]} width={400} height={280} label={t(words.leak)}>
            {(area) =>
              (['after', 'before'] as const).map((when, i) =>
                splits[when].train.map((v, k) => (
                  <circle
                    key={`${when} ${k}`}
                    cx={area.x(v)}
                    cy={area.y(splits[when].held[k]!)}
                    r={3}
                    fill={series(i ? 7 : 2)}
                    fill-opacity={0.6}
                  />
                )),
              )
            }
          </Plot>
          <Legend
            items={[
              [t(words.before), series(7)],
              [t(words.after), series(2)],
            ]}
          />
        </figure>
      </div>
      <Scroll label={t(words.means)}>
        <Facts
          caption={t(words.means)}
          corner={t(words.scaler)}
          columns={[words.mean, words.std, words.trainMean, words.heldMean].map(t)}
          rows={(['before', 'after'] as const).map((when) => [
            t(words[when]),
            ...[leak[when].mean, leak[when].std, ...leak[when].means].map((v) => v.toFixed(3)),
          ])}
        />
      </Scroll>
      <p class="small">
        {t(words.correlation)}: <strong>{before.r.toFixed(3)}</strong>
      </p>
    </>
  )
}
