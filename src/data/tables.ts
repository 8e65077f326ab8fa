/** The small tables that every course uses, with the numbers of scikit-learn's copies. They are part of the package. */
import { checkOptions, type OptionNames } from '../core/options.js'
import { CsvDataset } from './csv.js'
import breastCancerText from './tables/breastCancer.js'
import diabetesText from './tables/diabetes.js'
import digitsText from './tables/digits.js'
import irisText from './tables/iris.js'
import penguinsText from './tables/penguins.js'
import wineText from './tables/wine.js'

export interface TableOptions {
  /** The type of x, and of y where it is a quantity; float32 when not given. */
  dtype?: 'float32' | 'float64'
}
const tableOptions: OptionNames<TableOptions> = { dtype: true }

/** Examples with a class each. */
export type ClassTable = CsvDataset<{
  target: string
  targetType: 'class'
  classes: readonly string[]
}>
/** Examples with a quantity each. */
export type QuantityTable = CsvDataset<{ target: string }>

/** Lines of cells; the last one is y. */
const rowsOf = (text: string): string[][] =>
  text
    .trim()
    .split('\n')
    .map((line) => line.split(','))

const tableOf = (name: string, columns: readonly string[], rows: string[][]) => ({
  name,
  columns: [...columns],
  rows,
  line: (i: number) => i + 1,
})

function classTable(
  name: string,
  rows: string[][],
  columns: readonly string[],
  classes: readonly string[],
  options: TableOptions,
): ClassTable {
  return new CsvDataset(tableOf(name, [...columns, 'class'], rows), {
    ...checkOptions(name, options, tableOptions),
    target: 'class' as string,
    targetType: 'class',
    classes,
  })
}

/**
 * Iris: 150 flowers, 4 measures, 3 species (Fisher, 1936).
 * Shapes: x (4), y () int32.
 * @example iris().x.mean(0) // [5.8433, 3.0573, 3.7580, 1.1993]
 */
export const iris = (options: TableOptions = {}): ClassTable =>
  classTable(
    'iris',
    rowsOf(irisText),
    ['sepal length (cm)', 'sepal width (cm)', 'petal length (cm)', 'petal width (cm)'],
    ['setosa', 'versicolor', 'virginica'],
    options,
  )

/**
 * Wine: 178 wines, 13 chemical measures, 3 cultivars (Aeberhard and Forina, 1992).
 * Shapes: x (13), y () int32.
 * @example wine().classes // ['class_0', 'class_1', 'class_2']
 */
export const wine = (options: TableOptions = {}): ClassTable =>
  classTable(
    'wine',
    rowsOf(wineText),
    [
      'alcohol',
      'malic acid',
      'ash',
      'alcalinity of ash',
      'magnesium',
      'total phenols',
      'flavanoids',
      'nonflavanoid phenols',
      'proanthocyanins',
      'color intensity',
      'hue',
      'od280/od315 of diluted wines',
      'proline',
    ],
    ['class_0', 'class_1', 'class_2'],
    options,
  )

const measures = [
  'radius',
  'texture',
  'perimeter',
  'area',
  'smoothness',
  'compactness',
  'concavity',
  'concave points',
  'symmetry',
  'fractal dimension',
]

/**
 * Breast cancer, Wisconsin, diagnostic: 569 tumors, 30 measures, malignant or benign (Wolberg and others, 1993).
 * Shapes: x (30), y () int32.
 * @example breastCancer().y.sum() // 357
 */
export const breastCancer = (options: TableOptions = {}): ClassTable =>
  classTable(
    'breastCancer',
    rowsOf(breastCancerText),
    ['mean', 'error of', 'worst'].flatMap((kind) => measures.map((m) => `${kind} ${m}`)),
    ['malignant', 'benign'],
    options,
  )

/**
 * Diabetes: 442 patients, 10 measures as they were taken (scikit-learn's `scaled=False`), progression after a year
 * (Efron and others, 2004).
 * Shapes: x (10), y ().
 * @example diabetes().y.mean() // 152.1335
 */
export const diabetes = (options: TableOptions = {}): QuantityTable =>
  new CsvDataset(
    tableOf(
      'diabetes',
      ['age', 'sex', 'bmi', 'bp', 's1', 's2', 's3', 's4', 's5', 's6', 'progression'],
      rowsOf(diabetesText),
    ),
    { ...checkOptions('diabetes', options, tableOptions), target: 'progression' as string },
  )

/**
 * Digits: 1,797 handwritten digits of 8x8 pixels from 0 to 16, flat (Alpaydin and Kaynak, 1998).
 * Shapes: x (64), y () int32.
 * @example digits().x.shape // [1797, 64]
 */
export const digits = (options: TableOptions = {}): ClassTable =>
  classTable(
    'digits',
    digitsText
      .trim()
      .split('\n')
      .map((line) => Array.from(line, (c) => `${Number.parseInt(c, 17)}`)),
    Array.from({ length: 64 }, (_, i) => `pixel ${Math.floor(i / 8)},${i % 8}`),
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    options,
  )

const islands: Record<string, string> = { b: 'Biscoe', d: 'Dream', t: 'Torgersen' }
const sexes: Record<string, 'female' | 'male'> = { f: 'female', m: 'male' }

export interface PenguinOptions extends TableOptions {
  /** The number that a missing measure stands for; the two birds without measures are left out when not given. */
  missing?: number
}
const penguinOptions: OptionNames<PenguinOptions> = { ...tableOptions, missing: true }

/**
 * Penguins of the Palmer Archipelago: 342 birds, 4 measures, 3 species (Gorman, Williams, Fraser, 2014), with the island
 * and the sex of each (null where nobody knows it). Two more birds have no measures: see `missing`.
 * Shapes: x (4), y () int32.
 * @example penguins().classes // ['Adelie', 'Chinstrap', 'Gentoo']
 */
export function penguins(options: PenguinOptions = {}): ClassTable & {
  readonly islands: readonly string[]
  readonly sexes: readonly ('female' | 'male' | null)[]
} {
  const { missing, ...rest } = checkOptions('penguins', options, penguinOptions)
  const all = rowsOf(penguinsText)
  const rows = missing === undefined ? all.filter((r) => r[0] !== '') : all
  const numbers = rows.map((r) => [
    ...r.slice(0, 4).map((c) => (c === '' ? `${missing}` : c)),
    r[6]!,
  ])
  const table = classTable(
    'penguins',
    numbers,
    ['bill length (mm)', 'bill depth (mm)', 'flipper length (mm)', 'body mass (g)'],
    ['Adelie', 'Chinstrap', 'Gentoo'],
    rest,
  )
  return Object.assign(table, {
    islands: rows.map((r) => islands[r[4]!]!),
    sexes: rows.map((r) => sexes[r[5]!] ?? null),
  })
}
