import { tensor } from 'nabla'
import { iris } from 'nabla/data'
import { correlationChart, pairChart } from 'nabla/plot'
import * as stats from 'nabla/stats'
import { describe, expect, test } from 'vitest'
import { golden } from '../golden/fixture.js'

const special: Record<string, number> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
}
/** Equal to eight digits, in any tree. */
function near(got: unknown, want: unknown, what: string): void {
  if (typeof want === 'string' && want in special) want = special[want]
  if (typeof want === 'number') {
    const v = got as number
    if (Object.is(v, want) || v === want) return
    if (!(Math.abs(v - want) <= 2e-8 * Math.max(1e-3, Math.abs(want))))
      expect.fail(`${what}: got ${v}, want ${want}`)
  } else if (Array.isArray(want)) {
    const list = Array.from(got as ArrayLike<unknown>)
    expect(list.length, what).toBe(want.length)
    want.forEach((w, i) => {
      near(list[i], w, `${what}[${i}]`)
    })
  } else
    for (const [k, w] of Object.entries(want as object))
      near((got as Record<string, unknown>)[k], w, `${what}.${k}`)
}

describe("NumPy's and SciPy's numbers", () => {
  const cases = golden('stats')
  const of = (kind: string) => cases.filter((c) => c.name.startsWith(kind))
  test.each(of('list'))('$name', ({ name, x, out }) => {
    const v = x as number[]
    near(
      {
        mean: stats.mean(v),
        median: stats.median(v),
        mode: stats.mode(v),
        variance: stats.variance(v),
        std: stats.std(v, { ddof: 1 }),
        iqr: stats.iqr(v),
        skewness: stats.skewness(v),
        skewnessUnbiased: stats.skewness(v, { bias: false }),
        kurtosis: stats.kurtosis(v),
        kurtosisPearson: stats.kurtosis(v, { fisher: false }),
        kurtosisUnbiased: stats.kurtosis(v, { bias: false }),
        norms: [1, 2, 3, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0].map((p) =>
          stats.norm(v, p),
        ),
        ranks: stats.ranks(v),
      },
      out,
      name,
    )
  })
  test.each(of('quantile'))('$name', ({ name, x, q, method, out }) => {
    const options = { method: method as stats.QuantileMethod }
    near(stats.quantile(x as number[], q as number[], options), out, name)
  })
  test.each(of('histogram'))('$name', ({ name, x, options, counts, edges }) => {
    const h = stats.histogram(x as number[], options as stats.HistogramOptions)
    near(h.edges, edges, name)
    near(h.counts, counts, name)
  })
  test.each(of('table'))('$name', (c) => {
    const x = c.x as number[][]
    near(stats.covarianceMatrix(x), c.covariance, 'covariance')
    near(stats.covarianceMatrix(x, { ddof: 0 }), c.covariance0, 'covariance0')
    near(stats.correlationMatrix(x), c.pearson, 'pearson')
    near(stats.correlationMatrix(x, { method: 'spearman' }), c.spearman, 'spearman')
    const column = (k: number) => x.map((r) => r[k]!)
    near(stats.covariance(column(0), column(3)), (c.covariance as number[][])[0]![3], 'two')
    near(stats.pearson(column(0), column(3)), (c.pearson as number[][])[0]![3], 'pearson')
    near(stats.spearman(column(1), column(3)), (c.spearman as number[][])[1]![3], 'spearman')
    const { columns } = stats.describe(x)
    Object.values(columns).forEach((s, k) => {
      near(s.std, (c.std as number[])[k], 'std')
      near(
        [s['25%'], s['50%'], s['75%']],
        (c.quartiles as number[][]).map((r) => r[k]),
        'quartiles',
      )
    })
  })
})

describe('conventions', () => {
  test('lists, typed arrays and tensors of any type give the same', () => {
    const v = [1, 2, 6, 3]
    for (const x of [
      v,
      Float32Array.from(v),
      tensor(v),
      tensor(v, { dtype: 'float64' }),
      tensor(v, { dtype: 'int32' }),
    ]) {
      expect(stats.mean(x)).toBe(3)
      expect(stats.median(x)).toBe(2.5)
    }
    expect(stats.dot(tensor([1, 2]), [3, 4])).toBe(11)
  })
  test('numbers far from 0 keep their digits', () => {
    const v = [0.25, 0.5, 1, 0.125].map((d) => 1e9 + d)
    expect(stats.variance(v)).toBe(stats.variance([0.25, 0.5, 1, 0.125]))
    expect(stats.mean([1e16, 1, -1e16])).toBeCloseTo(1 / 3, 12)
    expect(stats.variance([1e8, 1e8, 1e8])).toBe(0)
    expect(stats.norm([3e200, 4e200]) / 5e200).toBeCloseTo(1, 14)
    expect(stats.norm([3e-200, 4e-200]) / 5e-200).toBeCloseTo(1, 14)
  })
  test('NaN stays NaN, a constant list has no shape and no correlation', () => {
    const nan = [1, Number.NaN, 3]
    for (const f of [
      stats.mean,
      stats.median,
      stats.variance,
      stats.std,
      stats.iqr,
      stats.skewness,
      stats.kurtosis,
      stats.norm,
    ])
      expect(f(nan), f.name).toBeNaN()
    expect(stats.quantile(nan, [0.5])).toEqual([Number.NaN])
    expect(stats.mode(nan).mode).toBeNaN()
    expect(stats.spearman(nan, [1, 2, 3])).toBeNaN()
    const flat = [0.1, 0.1, 0.1]
    for (const f of [stats.skewness, stats.kurtosis]) expect(f(flat), f.name).toBeNaN()
    expect(stats.pearson(flat, [1, 2, 3])).toBeNaN()
    expect(
      stats.correlationMatrix([
        [1, 5],
        [2, 5],
      ]),
    ).toEqual([
      [1, Number.NaN],
      [Number.NaN, Number.NaN],
    ])
  })
  test('describe leaves missing numbers out, and prints a table', () => {
    const d = stats.describe({ a: [1, Number.NaN, 3], none: [Number.NaN] })
    expect(d.columns.a).toEqual({
      count: 2,
      mean: 2,
      std: Math.SQRT2,
      min: 1,
      '25%': 1.5,
      '50%': 2,
      '75%': 2.5,
      max: 3,
    })
    expect(d.columns.none!.count).toBe(0)
    expect(d.columns.none!.mean).toBeNaN()
    const text = `${stats.describe(iris())}`.split('\n')
    expect(text[0]).toContain('sepal length (cm)')
    expect(text.map((l) => l.slice(0, 5).trim())).toEqual([
      '',
      'count',
      'mean',
      'std',
      'min',
      '25%',
      '50%',
      '75%',
      'max',
    ])
    expect(new Set(text.map((l) => l.length)).size).toBe(1)
    expect(text[2]).toContain('5.8433')
    expect(stats.describe([[1, 2]], { names: ['p', 'q'] }).columns.q!.mean).toBe(2)
    expect(stats.describe({ x: tensor([1, 3]) }).columns.x!.mean).toBe(2)
  })
})

test('what is wrong', () => {
  for (const f of [
    stats.mean,
    stats.median,
    stats.mode,
    stats.variance,
    stats.std,
    stats.iqr,
    stats.skewness,
    stats.kurtosis,
    stats.norm,
  ])
    expect(() => f([]), f.name).toThrow(
      `[${f === stats.iqr ? 'quantile' : f.name}] there must be at least one number`,
    )
  expect(() => stats.variance([1], { ddof: 1 })).toThrow(
    'more numbers than ddof; got 1 numbers and ddof 1',
  )
  expect(() => stats.quantile([1], 25)).toThrow('25 percent are 0.25')
  expect(() => stats.quantile([1], 0.5, { method: 'nearby' as never })).toThrow("got 'nearby'")
  expect(() => stats.covariance([1, 2], [1])).toThrow('got 2 and 1 numbers')
  expect(() => stats.pearson([1], [1])).toThrow('two numbers or more')
  expect(() => stats.ranks([1, Number.NaN])).toThrow('NaN at 1')
  expect(() => stats.correlationMatrix([[1, 2]])).toThrow('two rows or more')
  expect(() => stats.correlationMatrix([[1], [2]], { method: 'kendall' as never })).toThrow(
    'kendall',
  )
  expect(() => stats.histogram([1, Number.NaN])).toThrow('NaN at position 1')
  expect(() => stats.histogram([1], { bins: 0 })).toThrow('bins must be')
  expect(() => stats.histogram([1], { bins: [2, 1] })).toThrow('which go up')
  expect(() => stats.histogram([1], { bins: 'best' as never })).toThrow("got 'best'")
  expect(() => stats.histogram([1], { range: [2, 1] })).toThrow('got [2, 1]')
  expect(() => stats.histogram([1], { weights: [1, 2] })).toThrow('2 weights for 1 numbers')
  expect(() => stats.describe([[1]], { names: [] })).toThrow('got 0 names')
  expect(() => stats.describe({})).toThrow('there must be a column')
})

describe('charts of tables', () => {
  test('a pair chart has every pair once, a histogram of each column, and its groups', () => {
    const { x, y, classes } = iris()
    const kinds = [...y.toTypedArray<Int32Array>()].map((k) => classes[k]!)
    const svg = pairChart(x, { names: iris().columns, groups: kinds, title: 'iris' })
    expect(svg.match(/<rect[^>]*stroke="#ccc"/g)).toHaveLength(16)
    // 12 panels of points and 4 of bars, 3 groups each.
    expect(svg.match(/stroke-opacity="0.7"/g)).toHaveLength(36)
    expect(svg.match(/fill-opacity="0.5"/g)).toHaveLength(12)
    expect([...svg.matchAll(/h0/g)]).toHaveLength(12 * 150)
    for (const kind of classes) expect(svg).toContain(`>${kind}<`)
    expect(svg).not.toMatch(/NaN|undefined/)
    expect(
      pairChart([
        [1, Number.NaN],
        [2, 3],
        [2, 4],
      ]),
    ).not.toMatch(/NaN/)
    expect(() => pairChart([[1]], { groups: [1, 2] })).toThrow('2 groups for 1 rows')
    expect(() => pairChart([new Array(13).fill(0)])).toThrow('at most 12 columns')
  })
  test('a correlation chart has the range of correlations', () => {
    const svg = correlationChart(stats.correlationMatrix(iris().x), { names: iris().columns })
    expect(svg).toContain('>0.963<')
    expect(svg).toContain('>-0.118<')
    expect(svg).toContain('rgb(178,24,43)')
    expect(() =>
      correlationChart([
        [1, 2],
        [2, 1],
      ]),
    ).toThrow('got 2')
    expect(() => correlationChart([[1, 0]])).toThrow('got 1 x 2')
  })
})

test('what is not a number is refused, not counted as 0 or by its digits', () => {
  const f = [
    stats.mean,
    stats.median,
    stats.mode,
    stats.variance,
    stats.skewness,
    stats.iqr,
    stats.norm,
  ]
  for (const g of f) {
    expect(() => g([1, null, 3] as never), g.name).toThrow('got null at position 1. NaN stands for')
    expect(() => g(['1', '2'] as never), g.name).toThrow("got '1' at position 0")
    // biome-ignore lint/suspicious/noSparseArray: a hole is a missing number
    expect(() => g([1, , 3] as never), g.name).toThrow('got undefined at position 1')
    expect(() => g([[1], [2]] as never), g.name).toThrow('got [1] at position 0')
  }
  const named = [
    () => stats.histogram([1, null] as never),
    () => stats.describe({ a: [1, null] } as never),
    () => stats.pearson([1, 2], [1, null] as never),
    () =>
      stats.correlationMatrix([
        [1, null],
        [2, 3],
      ] as never),
  ]
  for (const g of named) expect(g).toThrow('all must be numbers; got null')
  expect(stats.mean([true, false] as never)).toBe(0.5)
  expect(() => stats.skewness([1, 2], { bias: 'no' as never })).toThrow('true or false')
  expect(() => stats.histogram([1, 2], { density: 1 as never })).toThrow('true or false')
})

test('norms of lists with NaN, infinite numbers and zeros, as NumPy', () => {
  const inf = Number.POSITIVE_INFINITY
  for (const p of [1, 2, 3, 0.5, -1, -2, inf, -inf]) {
    expect(stats.norm([1, Number.NaN, 3], p), `${p}`).toBeNaN()
    expect(stats.norm([0, 1, inf], p), `${p}`).toBe(p > 0 ? inf : 0)
  }
  expect(stats.norm([1, inf, 3], -1)).toBeCloseTo(0.75, 12)
  expect(stats.norm([1, inf, 3], -2)).toBeCloseTo(0.9486832980505138, 12)
  expect(stats.norm([inf, -inf], -1)).toBe(inf)
})
