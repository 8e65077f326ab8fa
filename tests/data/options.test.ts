/** Every option of data and pictures is known by its name: another one is refused, with the name that was meant. */
import { arange, rand, type Tensor, tensor, ValueError } from 'nabla'
import { LinearRegression } from 'nabla/classic'
import * as data from 'nabla/data'
import * as vision from 'nabla/vision'
import { describe, expect, test } from 'vitest'

const set = new data.TensorDataset(arange(10))
const labels = Array.from({ length: 10 }, (_, i) => i % 2)
const x = rand([2, 3, 8, 8])
const idx = { shape: [1, 1, 1], data: new Uint8Array(1) }
const rows = [[1], [2], [3], [4], [5]]
const y = [0, 1, 0, 1, 1]
const model = new LinearRegression()
const steps = [['all', 'passthrough', [0]]] as const
type Options = Record<string, unknown>

/** Calls with options, and a name that is nearly one of them. */
const calls: [name: string, call: (o: Options) => unknown, misspelt: string, meant: string][] = [
  ['readTable', (o) => data.readTable('a\n1', o), 'delimeter', 'delimiter'],
  ['CsvDataset', (o) => new data.CsvDataset('a\n1', o), 'target_type', 'targetType'],
  ['csvFile', (o) => data.csvFile('x.csv', o), 'headers', 'header'],
  ['JsonLinesDataset', (o) => new data.JsonLinesDataset('1', o), 'nam', 'name'],
  ['ImageFolder', (o) => new data.ImageFolder('.', o), 'transfrom', 'transform'],
  [
    'ImageDataset',
    (o) => new data.ImageDataset(idx, { shape: [1], data: new Uint8Array(1) }, o),
    'Std',
    'std',
  ],
  ['DataLoader', (o) => new data.DataLoader(set, o), 'batch_size', 'batchSize'],
  ['RandomSampler', (o) => new data.RandomSampler(3, 0, o), 'replacment', 'replacement'],
  ['WeightedRandomSampler', (o) => new data.WeightedRandomSampler([1], 1, o), 'sed', 'seed'],
  ['randomSplit', (o) => data.randomSplit(set, [0.5, 0.5], o), 'Seed', 'seed'],
  ['stratifiedSplit', (o) => data.stratifiedSplit(set, labels, [0.5, 0.5], o), 'sead', 'seed'],
  ['kFold', (o) => data.kFold(set, 2, o), 'shufle', 'shuffle'],
  ['stratifiedKFold', (o) => data.stratifiedKFold(set, labels, 2, o), 'shufle', 'shuffle'],
  ['timeSeriesSplit', (o) => data.timeSeriesSplit(set, 2, o), 'test_size', 'testSize'],
  ['mnist', (o) => data.mnist(o), 'data_dir', 'folder'],
  ['fashionMnist', (o) => data.fashionMnist(o), 'folde', 'folder'],
  ['iris', (o) => data.iris(o), 'dtyp', 'dtype'],
  ['wine', (o) => data.wine(o), 'dtyp', 'dtype'],
  ['breastCancer', (o) => data.breastCancer(o), 'dtyp', 'dtype'],
  ['diabetes', (o) => data.diabetes(o), 'dtyp', 'dtype'],
  ['digits', (o) => data.digits(o), 'dtyp', 'dtype'],
  ['penguins', (o) => data.penguins(o), 'mising', 'missing'],
  ['readIdxFile', (o) => data.readIdxFile('x', o), 'max_bytes', 'maxBytes'],
  ['StandardScaler', (o) => new data.StandardScaler(o), 'with_mean', 'withMean'],
  ['MinMaxScaler', (o) => new data.MinMaxScaler(o), 'feature_range', 'featureRange'],
  ['PolynomialFeatures', (o) => new data.PolynomialFeatures(o), 'degre', 'degree'],
  ['OneHotEncoder', (o) => new data.OneHotEncoder(o), 'handle_unknown', 'handleUnknown'],
  ['SimpleImputer', (o) => new data.SimpleImputer(o), 'fill_value', 'fillValue'],
  ['ColumnTransformer', (o) => new data.ColumnTransformer(steps, o), 'remaindr', 'remainder'],
  ['VarianceThreshold', (o) => new data.VarianceThreshold(o), 'treshold', 'threshold'],
  ['SelectKBest', (o) => new data.SelectKBest(o), 'score_func', 'score'],
  ['SelectFromModel', (o) => new data.SelectFromModel(model, o), 'treshold', 'threshold'],
  ['mutualInfoClassif', (o) => data.mutualInfoClassif(rows, y, o), 'n_neighbors', 'nNeighbors'],
  ['mutualInfoRegression', (o) => data.mutualInfoRegression(rows, y, o), 'neighbors', 'nNeighbors'],
  ['crossValScore', (o) => data.crossValScore(model, rows, y, o), 'n_splits', 'cv'],
  ['learningCurve', (o) => data.learningCurve(model, rows, y, o), 'train_sizes', 'trainSizes'],
  ['validationCurve', (o) => data.validationCurve(() => model, [1], rows, y, o), 'folds', 'cv'],
  ['classificationReport', (o) => data.classificationReport([0], [0], o), 'target_names', 'names'],
  ['rocCurve', (o) => data.rocCurve([0.5, 1], [0, 1], o), 'drop_intermediate', 'dropIntermediate'],
  [
    'precisionRecallCurve',
    (o) => data.precisionRecallCurve([0.5, 1], [0, 1], o),
    'sample_weight',
    'sampleWeight',
  ],
  [
    'averagePrecision',
    (o) => data.averagePrecision([0.5, 1], [0, 1], o),
    'sampleWeights',
    'sampleWeight',
  ],
  [
    'Pipeline',
    (o) => new data.Pipeline([['fit', model]]).fit(rand([3, 1]), [1, 2, 3], o),
    'sample_weights',
    'sampleWeight',
  ],
  ['fromImage', (o) => vision.fromImage(new Uint8Array(9), o), 'maxBites', 'maxBytes'],
  ['readImage', (o) => vision.readImage('x.png', o), 'Mode', 'mode'],
  [
    'fromPixels',
    (o) => vision.fromPixels({ width: 1, height: 1, data: new Uint8Array(4) }, o),
    'maxByte',
    'maxBytes',
  ],
  ['colorJitter', (o) => vision.colorJitter(o), 'brigthness', 'brightness'],
  ['affine', (o) => vision.affine(x, o), 'angel', 'angle'],
  ['affine, how', (o) => vision.affine(x, {}, o), 'fil', 'fill'],
  ['rotate', (o) => vision.rotate(x, 3, o), 'mod', 'mode'],
  ['randomRotation', (o) => vision.randomRotation(3, o), 'fil', 'fill'],
  ['randomAffine', (o) => vision.randomAffine(o), 'degree', 'degrees'],
  ['randomCrop', (o) => vision.randomCrop(4, o), 'paddding', 'padding'],
  ['randomResizedCrop', (o) => vision.randomResizedCrop(4, o), 'scales', 'scale'],
  ['mixup', (o) => vision.mixup(o), 'num_classes', 'numClasses'],
  ['cutmix', (o) => vision.cutmix(o), 'num_classes', 'numClasses'],
  ['randomErasing', (o) => vision.randomErasing(o), 'probability', 'p'],
  ['cutout', (o) => vision.cutout(3, o), 'values', 'value'],
  ['resize', (o) => vision.resize(3, o), 'antiAlias', 'antialias'],
  ['gridSample', (o) => vision.gridSample(x, rand([2, 2, 2, 2]), o), 'padding_mode', 'paddingMode'],
  [
    'affineGrid',
    (o) => vision.affineGrid(rand([1, 2, 3]), [1, 1, 2, 2], o),
    'align_corners',
    'alignCorners',
  ],
  [
    'MeanAveragePrecision',
    (o) => new vision.MeanAveragePrecision(o),
    'maxDetection',
    'maxDetections',
  ],
  ['Tracker', (o) => new vision.Tracker(o), 'max_age', 'maxAge'],
  ['TrackingMeasure', (o) => new vision.TrackingMeasure(o), 'iou_threshold', 'iouThreshold'],
  ['GroundCamera', (o) => new vision.GroundCamera(o), 'tillt', 'tilt'],
  [
    'warpPerspective',
    (o) =>
      vision.warpPerspective(
        rand([1, 4, 4]),
        [
          [1, 0, 0],
          [0, 1, 0],
          [0, 0, 1],
        ],
        [4, 4],
        o,
      ),
    'modes',
    'mode',
  ],
  [
    'Scenes',
    (o) => new vision.Scenes({ images: rand([1, 8, 8]), labels: tensor([0]) } as never, o),
    'overlaps',
    'overlap',
  ],
  [
    'generalizedBoxIouLoss',
    (o) => vision.generalizedBoxIouLoss(x, x, o),
    'reductions',
    'reduction',
  ],
  ['linearSumAssignment', (o) => vision.linearSumAssignment([[1]], o), 'maximise', 'maximize'],
  ['peakSignalNoiseRatio', (o) => vision.peakSignalNoiseRatio(x, x, o), 'data_range', 'dataRange'],
]

test.each(calls)('%s', (_, call, misspelt, meant) => {
  expect(() => call({ [misspelt]: 1 })).toThrow(`got ${misspelt}. Did you mean ${meant}?`)
  expect(() => call({ zzzzzz: 1 })).toThrow('the options are')
})

test('every function that takes options is in the list', async () => {
  await expect(data.downloadImages('mnist', { bas: '' } as object)).rejects.toThrow(
    'Did you mean base?',
  )
  const named = new Set(calls.map(([name]) => name.split(',')[0]))
  const takes = (f: unknown) =>
    typeof f === 'function' && /checkOptions|options|Options/.test(`${f}`)
  const others = Object.entries({ ...data, ...vision })
    .filter(([name, f]) => takes(f) && !named.has(name))
    .map(([name]) => name)
  await expect(vision.loadImage(new Uint8Array(1), { mod: 'L' } as object)).rejects.toThrow(
    'Did you mean mode?',
  )
  // Two are asynchronous; the others only save the options that they have.
  expect(others.sort()).toEqual(['LabelEncoder', 'Savable', 'downloadImages', 'loadImage'])
})

describe('values that are one of a few', () => {
  test.each([
    [() => vision.resize(2, { mode: 'bilnear' as 'bilinear' }), 'Did you mean bilinear?'],
    [
      () => vision.gridSample(x, rand([2, 2, 2, 2]), { mode: 'cubic' as 'nearest' }),
      "'bilinear', 'nearest' or 'bicubic'; got 'cubic'",
    ],
    [
      () => vision.gridSample(x, rand([2, 2, 2, 2]), { paddingMode: 'zero' as 'zeros' }),
      "'zeros', 'border' or 'reflection'; got 'zero'",
    ],
    [() => vision.affine(x, {}, { mode: 'linear' as 'nearest' }), 'mode must be one of'],
    [() => vision.randomResizedCrop(2, { mode: 'linear' as 'nearest' }), 'mode must be one of'],
    [
      () => new data.CsvDataset('a\n1', { dtype: 'int32' as 'float32' }),
      "dtype must be 'float32' or 'float64'",
    ],
    [
      () => new data.CsvDataset('a\n1', { target: 'a', targetType: 'classes' as 'class' }),
      "targetType must be 'number' or 'class'",
    ],
    [
      () => new data.OneHotEncoder({ drop: 'last' as 'first' }),
      "drop must be null, 'first' or 'ifBinary'",
    ],
    [
      () => new data.OneHotEncoder({ handleUnknown: 'skip' as 'ignore' }),
      "handleUnknown must be 'error' or 'ignore'",
    ],
    [
      () => data.randomSplit(set, [0.5, 0.5], { seed: 1.5 }),
      'the seed must be a whole number from 0; got 1.5',
    ],
    [
      () => new data.DataLoader(set, { seed: -1 }),
      'the seed must be a whole number from 0; got -1',
    ],
    [
      () => new data.RandomSampler(3, Number.NaN),
      'the seed must be a whole number from 0; got NaN',
    ],
    [
      () => new data.StratifiedSampler([1], '1' as never),
      "the seed must be a whole number from 0; got '1'",
    ],
    [() => new data.SubsetRandomSampler([1], 2 ** 60), 'the seed must be a whole number'],
    [
      () => new data.WeightedRandomSampler([1], 1, { seed: Number.POSITIVE_INFINITY }),
      'the seed must be',
    ],
  ] as const)('%#', (call, message) => {
    expect(call).toThrow(message)
  })
})

describe('types', () => {
  // What the compiler sees, under noUncheckedIndexedAccess: this file is checked with the rest.
  test('batches are tuples where the dataset says so', () => {
    const takesTwo = (a: Tensor, b: Tensor) => [a.shape, b.shape]
    const pairs = new data.TensorDataset(rand([4, 2]), arange(4))
    for (const [a, b] of new data.DataLoader(pairs, { batchSize: 2 })) takesTwo(a, b)
    for (const [a] of new data.DataLoader(new data.TensorDataset(rand([4, 2])))) a.shape
    const [train] = data.randomSplit(pairs, [0.5, 0.5])
    for (const [a, b] of new data.DataLoader(train!)) takesTwo(a, b)
    const [a, b] = data.windows(arange(5), 2).get(0)
    expect(takesTwo(a, b)).toEqual([
      [2, 1],
      [1, 1],
    ])
    const loader = (images: data.ImageDataset) => {
      const l: data.DataLoader<[Tensor, Tensor]> = new data.DataLoader(images)
      return l
    }
    expect(loader).toBeInstanceOf(Function)
  })

  test('tables have targets where they are asked for', () => {
    const known = new data.CsvDataset('a,b\n1,2', { target: 'b' })
    const y: Tensor = known.y
    const [px, py]: [Tensor, Tensor] = known.get(0)
    const without = new data.CsvDataset('a,b\n1,2', {})
    const none: undefined = without.y
    const open: data.CsvDatasetOptions = {}
    const some: Tensor | undefined = new data.CsvDataset('a,b\n1,2', open).y
    expect([y.shape, px.shape, py.shape, none, some]).toEqual([[1], [1], [], undefined, undefined])
    const wine = (): Tensor => data.wine().y
    const names = (): readonly string[] => data.iris().classes
    const progress = (): Tensor => data.diabetes().y
    expect([wine, names, progress]).toHaveLength(3)
  })
})

test.each<[name: string, make: () => unknown, rule: string]>([
  ['withMean', () => new data.StandardScaler({ withMean: 'no' as never }), 'true or false'],
  ['withStd', () => new data.StandardScaler({ withStd: 0 as never }), 'true or false'],
  ['clip', () => new data.MinMaxScaler({ clip: 'yes' as never }), 'true or false'],
  ['featureRange', () => new data.MinMaxScaler({ featureRange: 5 as never }), 'two numbers'],
  ['featureRange', () => new data.MinMaxScaler({ featureRange: [1] as never }), 'two numbers'],
  ['includeBias', () => new data.PolynomialFeatures({ includeBias: 1 as never }), 'true or false'],
  ['remainder', () => new data.ColumnTransformer(steps, { remainder: 'keep' as never }), "'drop'"],
  ['dtype', () => new data.ColumnTransformer(steps, { dtype: 'int32' as never }), "'float32'"],
  ['step', () => new data.ColumnTransformer([['a', 'pass' as never, [0]]]), "'passthrough'"],
  ['threshold', () => new data.SelectFromModel(model, { threshold: 'mean' as never }), 'a number'],
  ['threshold', () => new data.VarianceThreshold({ threshold: '1' as never }), 'a number'],
  [
    'cv',
    () => data.crossValScore(model, rows, y, { cv: 6 }),
    'cv must be a whole number from 2 to 5',
  ],
  ['stratify', () => data.crossValScore(model, rows, y, { stratify: 1 as never }), 'true or false'],
  ['scoring', () => data.crossValScore(model, rows, y, { scoring: 'r2' as never }), 'a function'],
])('a value of %s that is of another kind is refused', (_, make, rule) => {
  expect(make).toThrow(ValueError)
  expect(make).toThrow(rule)
})

test('rows instead of a tensor are refused in words', () => {
  const transformers = [
    new data.StandardScaler(),
    new data.MinMaxScaler(),
    new data.PolynomialFeatures(),
    new data.SimpleImputer(),
    new data.VarianceThreshold(),
    new data.SelectKBest({ k: 1 }),
    new data.SelectFromModel(model),
  ]
  for (const t of transformers)
    expect(() => t.fit(rows as never, y)).toThrow('x must be a tensor; got [[1], [2]')
})
