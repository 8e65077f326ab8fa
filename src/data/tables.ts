/** The small tables that every course uses, as scikit-learn carries them (Debian's python3-sklearn, or pip's). */
import { joinPath, pythonFolders } from '#host'
import { FileError } from '../core/errors.js'
import type { LimitOptions } from '../core/limits.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { CsvDataset, readTable } from './csv.js'
import { cached, fetchFiles, findFile, readUnzipped, type SourceFile, verify } from './sources.js'

interface TableSpec {
  file: SourceFile
  /** The file of y when it is another one. */
  targetFile?: SourceFile
  delimiter?: string
  columns: readonly string[]
  /** What y is: names of the classes, or the name of a quantity. */
  target: readonly string[] | string
  /** The first line holds counts and class names. */
  header?: boolean
}

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

const tables = {
  iris: {
    file: {
      name: 'iris.csv',
      sha256: 'f13ffa8fdd56fd8e6c8d16d4081a3fbd3114bcd0aae4256c43205169cd9d1449',
    },
    header: true,
    columns: ['sepal length (cm)', 'sepal width (cm)', 'petal length (cm)', 'petal width (cm)'],
    target: ['setosa', 'versicolor', 'virginica'],
  },
  wine: {
    file: {
      name: 'wine_data.csv',
      sha256: '10e8a802908b34f86e5da8ce962f3c806694bc98450a18f61851af59f324bede',
    },
    header: true,
    columns: [
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
    target: ['class_0', 'class_1', 'class_2'],
  },
  breastCancer: {
    file: {
      name: 'breast_cancer.csv',
      sha256: 'fed3eb72d0575ef6192293f5093c6e801b1476b577d0386bf4455504522172ed',
    },
    header: true,
    columns: ['mean', 'error of', 'worst'].flatMap((kind) => measures.map((m) => `${kind} ${m}`)),
    target: ['malignant', 'benign'],
  },
  diabetes: {
    file: {
      name: 'diabetes_data_raw.csv',
      sha256: 'ec2683754c379fdffc39f53922c475eff67e2fb9c94c7c27207b7c4371d51726',
    },
    targetFile: {
      name: 'diabetes_target.csv',
      sha256: '244713a551f62a291a354212d8a048adec6cb1244b2bc44e66a0698f5006d26d',
    },
    delimiter: ' ',
    columns: ['age', 'sex', 'bmi', 'bp', 's1', 's2', 's3', 's4', 's5', 's6'],
    target: 'progression',
  },
  digits: {
    file: {
      name: 'digits.csv',
      sha256: '6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8',
    },
    columns: Array.from({ length: 64 }, (_, i) => `pixel ${Math.floor(i / 8)},${i % 8}`),
    target: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  },
} satisfies Record<string, TableSpec>
export type TableName = keyof typeof tables

export interface TableOptions extends LimitOptions {
  /** A folder that holds the file(s), gzipped or not; the cache and Python's libraries when not given. */
  folder?: string
}

const tableOptions: OptionNames<TableOptions> = { folder: true, maxBytes: true }

const fix =
  'Run `apt-get install python3-sklearn` (Debian) or `pip install scikit-learn`, or give a folder that has the file.'

function contentOf(file: SourceFile, { folder, ...limit }: TableOptions): string {
  const python = () => pythonFolders().map((p) => joinPath(p, 'sklearn', 'datasets', 'data'))
  const path = findFile(
    folder === undefined ? [cached('tables'), ...python()] : [folder],
    file.name,
  )
  if (path === undefined)
    throw new FileError({
      op: 'data',
      rule: `the table must be at hand: ${file.name} or ${file.name}.gz`,
      got: folder === undefined ? 'no scikit-learn' : `none in ${folder}`,
      fix,
    })
  const content = readUnzipped(path, limit)
  verify(content, { ...file, name: path }, fix)
  return new TextDecoder().decode(content)
}

function load(name: TableName, given: TableOptions): CsvDataset {
  const place = checkOptions(name, given, tableOptions)
  const spec: TableSpec = tables[name]
  const { file, targetFile, delimiter = ',', columns, target } = spec
  const options = { delimiter, header: false, name: file.name }
  // The first line of some files is counts and class names.
  const text = contentOf(file, place)
  const rows = readTable(spec.header ? text.slice(text.indexOf('\n') + 1) : text, options)
  const last = typeof target === 'string' ? target : 'class'
  if (targetFile) {
    const y = readTable(contentOf(targetFile, place), { ...options, name: targetFile.name })
    rows.rows.forEach((r, i) => {
      r.push(y.rows[i]![0]!)
    })
  }
  rows.columns = [...columns, last]
  return new CsvDataset(rows, {
    target: last,
    ...(typeof target !== 'string' && { targetType: 'class', classes: target }),
  })
}

/** Iris: 150 flowers, 4 measures, 3 species (Fisher, 1936). */
export const iris = (options: TableOptions = {}): CsvDataset => load('iris', options)
/** Wine: 178 wines, 13 chemical measures, 3 cultivars (Forina). */
export const wine = (options: TableOptions = {}): CsvDataset => load('wine', options)
/** Breast cancer, Wisconsin, diagnostic: 569 tumors, 30 measures, malignant or benign (Wolberg, Street, Mangasarian). */
export const breastCancer = (options: TableOptions = {}): CsvDataset =>
  load('breastCancer', options)
/** Diabetes: 442 patients, 10 measures as they were taken, progression after a year (Efron and others, 2004). */
export const diabetes = (options: TableOptions = {}): CsvDataset => load('diabetes', options)
/** Digits: 1,797 handwritten digits of 8x8 pixels from 0 to 16, flat (Alpaydin, Kaynak). */
export const digits = (options: TableOptions = {}): CsvDataset => load('digits', options)

/**
 * Brings the file(s) of a table into the cache from a server that has them, gzipped, under their names.
 * @throws FileError when they do not come as they should
 */
export const downloadTable = (name: TableName, options: { base: string }): Promise<string> => {
  const { file, targetFile }: TableSpec = tables[name]
  return fetchFiles('tables', targetFile ? [file, targetFile] : [file], options)
}
