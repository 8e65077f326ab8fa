/** Steps one after the other, columns side by side. */
import { ShapeError, ValueError } from '../core/errors.js'
import { checkOptions, oneOf, showValue } from '../core/options.js'
import { concat } from '../ops/join.js'
import { indexSelect } from '../ops/indexing.js'
import { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { type Numbers, requireOptions } from '../tensor/values.js'
import { type Category, OneHotEncoder } from './encoders.js'
import { type Fitted, Savable } from './saved.js'
import { fitted, requireLearned } from './scalers.js'
import type { WeightOptions } from './weights.js'

/** What may stand in a pipeline: it learns, and transforms; the last step may predict instead. */
export interface Step {
  fit(x: Tensor, y: Numbers, options?: WeightOptions): unknown
  transform?(x: Tensor): Tensor
  predict?(x: Tensor): Tensor
  predictProba?(x: Tensor): Tensor
  score?(x: Tensor, y: Numbers, options?: WeightOptions): number
  clone?(): unknown
}
/** A step with its name. */
export type Named<S> = readonly [name: string, step: S]

function requireNames(op: string, names: readonly string[]): void {
  const twice = names.find((n, i) => names.indexOf(n) !== i)
  if (names.length === 0 || twice !== undefined)
    throw new ValueError({
      op,
      rule: 'there must be steps, each with a name of its own',
      got: twice === undefined ? 'none' : `${twice} twice`,
    })
}
function copyOf<S extends { clone?(): unknown }>(op: string, name: string, step: S): S {
  if (!step.clone)
    throw new ValueError({
      op,
      rule: 'every step must have clone()',
      got: `${name}, which has none`,
    })
  return step.clone() as S
}

/**
 * Steps one after the other: each is fitted with what the steps before it made of x, so that nothing of test data is learned.
 * The last step predicts, or transforms as the others.
 * https://scikit-learn.org/stable/modules/generated/sklearn.pipeline.Pipeline.html
 * @throws ValueError for names that come twice, and a step that cannot do what is asked
 * @example new Pipeline([['scale', new StandardScaler()], ['fit', new LinearRegression()]]).fit(tensor([[0], [2]]), [1, 5]).predict(tensor([[1]])) // [3]
 */
export class Pipeline extends Savable {
  readonly kind = 'Pipeline'
  readonly steps: readonly Named<Step>[]
  constructor(steps: readonly Named<Step>[]) {
    super()
    requireNames(
      'Pipeline',
      steps.map(([name]) => name),
    )
    const stuck = steps.slice(0, -1).find(([, s]) => !s.transform)
    if (stuck)
      throw new ValueError({
        op: 'Pipeline',
        rule: 'all steps but the last must have transform()',
        got: `${stuck[0]}, which has none`,
      })
    this.steps = steps
  }
  private get last(): Step {
    return this.steps.at(-1)![1]
  }
  /** The step of a name. @throws ValueError when there is none */
  get(name: string): Step {
    const found = this.steps.find(([n]) => n === name)
    if (!found)
      throw new ValueError({
        op: 'Pipeline',
        rule: `the steps are ${this.steps.map(([n]) => n).join(', ')}`,
        got: name,
      })
    return found[1]
  }
  private before(x: Tensor): Tensor {
    return this.steps.slice(0, -1).reduce((t, [, s]) => s.transform!(t), x)
  }
  /** Weights of rows are for the last step. */
  fit(x: Tensor, y: Numbers = [], options?: WeightOptions): this {
    let t = x
    for (const [, step] of this.steps.slice(0, -1)) {
      step.fit(t, y)
      t = step.transform!(t)
    }
    if (options) this.last.fit(t, y, options)
    else this.last.fit(t, y)
    return this
  }
  private able<K extends 'transform' | 'predict' | 'predictProba' | 'score'>(
    what: K,
  ): NonNullable<Step[K]> {
    const { last } = this
    const f = last[what]
    if (!f)
      throw new ValueError({
        op: `Pipeline.${what}`,
        rule: `the last step must have ${what}()`,
        got: this.steps.at(-1)![0],
      })
    return f.bind(last) as NonNullable<Step[K]>
  }
  transform(x: Tensor): Tensor {
    return this.able('transform')(this.before(x))
  }
  fitTransform(x: Tensor, y: Numbers = []): Tensor {
    return this.fit(x, y).transform(x)
  }
  predict(x: Tensor): Tensor {
    return this.able('predict')(this.before(x))
  }
  predictProba(x: Tensor): Tensor {
    return this.able('predictProba')(this.before(x))
  }
  score(x: Tensor, y: Numbers, options?: WeightOptions): number {
    return this.able('score')(this.before(x), y, options)
  }
  /** Whether the last step is a classifier. */
  get classifies(): boolean {
    return this.last.predictProba !== undefined && this.last.predict !== undefined
  }
  clone(): Pipeline {
    return new Pipeline(this.steps.map(([name, s]) => [name, copyOf('Pipeline', name, s)]))
  }
  getOptions(): object {
    return {}
  }
  protected override parts() {
    return this.steps
  }
  /** It is in the steps. */
  protected learnedFor(): unknown {
    return {}
  }
  restore(): this {
    return this
  }
}
/** Rows of cells: numbers, and names of categories. */
export type Cells = readonly (readonly Category[])[]
/** Something for some columns: a transformer of numbers or of categories, 'passthrough' or 'drop'. */
export type ColumnStep =
  | { fit(x: Tensor, y: Numbers): unknown; transform(x: Tensor): Tensor; clone?(): unknown }
  | OneHotEncoder
  | 'passthrough'
  | 'drop'

export interface ColumnTransformerOptions {
  /** What is done with columns that are not named; 'drop' when not given. */
  remainder?: 'drop' | 'passthrough'
  /** The type of what comes out; float32 when not given. */
  dtype?: 'float32' | 'float64'
}

/**
 * Different things for different columns, and the results side by side, in the order in which they are given. Takes tensors, or rows
 * of cells, of which a OneHotEncoder takes the categories.
 * https://scikit-learn.org/stable/modules/generated/sklearn.compose.ColumnTransformer.html
 * @throws ShapeError for columns that x does not have, ValueError for names that come twice and cells that are not numbers
 * @example new ColumnTransformer([['one', new OneHotEncoder(), [1]], ['scale', new StandardScaler(), [0]]]).fitTransform([[0, 'a'], [2, 'b']]) // [[1, 0, -1], [0, 1, 1]]
 */
export class ColumnTransformer extends Savable {
  readonly kind = 'ColumnTransformer'
  readonly transformers: readonly (readonly [
    name: string,
    step: ColumnStep,
    columns: readonly number[],
  ])[]
  private readonly o: Required<ColumnTransformerOptions>
  private columns: number | undefined
  constructor(
    transformers: readonly (readonly [
      name: string,
      step: ColumnStep,
      columns: readonly number[],
    ])[],
    options: ColumnTransformerOptions = {},
  ) {
    super()
    requireNames(
      'ColumnTransformer',
      transformers.map(([name]) => name),
    )
    this.transformers = transformers
    this.o = {
      remainder: 'drop',
      dtype: 'float32',
      ...checkOptions('ColumnTransformer', options, ['remainder', 'dtype']),
    }
    requireOptions(
      'ColumnTransformer',
      { ...this.o },
      {
        remainder: oneOf('drop', 'passthrough'),
        dtype: oneOf('float32', 'float64'),
      },
    )
    const odd = transformers.find(
      ([, step, columns]) =>
        !Array.isArray(columns) ||
        (typeof step === 'string'
          ? step !== 'passthrough' && step !== 'drop'
          : typeof step?.fit !== 'function' || typeof step.transform !== 'function'),
    )
    if (odd)
      throw new ValueError({
        op: 'ColumnTransformer',
        rule: "each is [name, step, columns]: a step with fit and transform, 'passthrough' or 'drop', and a list of columns",
        got: showValue(odd),
      })
  }
  private widthOf(x: Tensor | Cells): number {
    const width = x instanceof Tensor ? x.shape[1] : x[0]?.length
    const ragged = x instanceof Tensor ? -1 : x.findIndex((r) => r.length !== width)
    if (width === undefined || ragged >= 0 || (x instanceof Tensor && x.rank !== 2))
      throw new ShapeError({
        op: 'ColumnTransformer',
        rule: 'x must be rows of one length',
        got: ragged >= 0 ? `${(x as Cells)[ragged]!.length} cells in row ${ragged}` : 'no rows',
      })
    const bad = this.transformers
      .flatMap(([, , c]) => c)
      .find((c) => !(Number.isInteger(c) && c >= 0 && c < width))
    if (bad !== undefined || (this.columns !== undefined && this.columns !== width))
      throw new ShapeError({
        op: 'ColumnTransformer',
        rule:
          bad === undefined
            ? `x must have the ${this.columns} columns that were fitted`
            : `columns lie from 0 to ${width - 1}`,
        got: `${bad ?? width}`,
      })
    return width
  }
  private numbers(x: Tensor | Cells, columns: readonly number[]): Tensor {
    if (x instanceof Tensor)
      return indexSelect(
        x,
        1,
        tensor(Int32Array.from(columns), { dtype: 'int32', shape: [columns.length] }),
      )
    const out = new Float64Array(x.length * columns.length)
    x.forEach((row, i) => {
      columns.forEach((c, j) => {
        const v = row[c]!
        if (typeof v !== 'number')
          throw new ValueError({
            op: 'ColumnTransformer',
            rule: 'columns of numbers must hold numbers',
            got: `'${v}' in row ${i}, column ${c}`,
            fix: 'OneHotEncoder makes numbers of categories.',
          })
        out[i * columns.length + j] = v
      })
    })
    return tensor(out, { dtype: this.o.dtype, shape: [x.length, columns.length] })
  }
  private cells(x: Tensor | Cells, columns: readonly number[]): Category[][] {
    const rows = x instanceof Tensor ? (x.toArray() as number[][]) : x
    return rows.map((r) => columns.map((c) => r[c]!))
  }
  fit(x: Tensor | Cells, y: Numbers = []): this {
    this.columns = undefined
    const width = this.widthOf(x)
    for (const [, step, columns] of this.transformers)
      if (step instanceof OneHotEncoder) step.fit(this.cells(x, columns))
      else if (typeof step === 'object') step.fit(this.numbers(x, columns), y)
    this.columns = width
    return this
  }
  transform(x: Tensor | Cells): Tensor {
    fitted(this.kind, this.columns)
    const width = this.widthOf(x)
    const parts: Tensor[] = []
    for (const [, step, columns] of this.transformers) {
      if (step === 'drop' || columns.length === 0) continue
      if (step === 'passthrough') parts.push(this.numbers(x, columns))
      else if (step instanceof OneHotEncoder) parts.push(step.transform(this.cells(x, columns)))
      else parts.push(step.transform(this.numbers(x, columns)))
    }
    const named = new Set(this.transformers.flatMap(([, , c]) => c))
    const rest = Array.from({ length: width }, (_, c) => c).filter((c) => !named.has(c))
    if (this.o.remainder === 'passthrough' && rest.length > 0) parts.push(this.numbers(x, rest))
    const dtype = x instanceof Tensor ? x.dtype : this.o.dtype
    return concat(
      parts.map((p) => p.to(dtype)),
      1,
    )
  }
  fitTransform(x: Tensor | Cells, y: Numbers = []): Tensor {
    return this.fit(x, y).transform(x)
  }
  clone(): ColumnTransformer {
    return new ColumnTransformer(
      this.transformers.map(([name, s, c]) => [
        name,
        typeof s === 'string'
          ? s
          : (copyOf('ColumnTransformer', name, s as { clone?(): unknown }) as ColumnStep),
        c,
      ]),
      this.o,
    )
  }
  /** Each by its name, what it does where that is a word, and its columns. */
  getOptions() {
    return {
      ...this.o,
      columns: this.transformers.map(([name, s, c]) => [name, typeof s === 'string' ? s : null, c]),
    }
  }
  protected override parts() {
    return this.transformers.flatMap(([name, s]) =>
      typeof s === 'string' ? [] : [[name, s] as const],
    )
  }
  protected learnedFor(): unknown {
    return { columns: fitted(this.kind, this.columns) }
  }
  restore({ learned }: Fitted): this {
    const columns = (learned as { columns?: unknown } | undefined)?.columns
    requireLearned(this.kind, learned, Number.isInteger(columns))
    this.columns = columns as number
    return this
  }
}
