import { definePage, type ViewProps } from '../page.js'
import { TableInput } from '../parts/TableInput.js'
import { learningRate, numberRows, seed, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import { DataDistribution } from '../views/DataDistribution.js'
import { DataScaling } from '../views/DataScaling.js'
import { DataSplits } from '../views/DataSplits.js'
import { DataVectors } from '../views/DataVectors.js'
import { nameOf } from '../views/dataWords.js'
import type { Frame } from './data.model.js'
import program from './data.program.js?raw'

type V = Readonly<Record<string, unknown>>
const part =
  (...parts: string[]) =>
  (s: V) =>
    parts.includes(`${s.part}`)
const end = (label: string, value: number) => ({
  label: [label, label] as const,
  value,
  min: -4,
  max: 4,
  step: 0.1,
  when: part('vectors'),
})
const MOST = { columns: 6, classes: 8, size: 1e6 }
/** Names as a link may have them. */
const nameList = (v: unknown) =>
  Array.isArray(v) &&
  v.length <= MOST.classes &&
  v.every((n) => typeof n === 'string' && n.length <= 40)
const isPlace = (v: unknown, places: number) =>
  Number.isInteger(v) && (v as number) >= 0 && (v as number) < places
/** Rows whose last number is a class: none, or enough for three parts. */
const ownRows = (v: unknown) =>
  numberRows(0, MOST.size, { most: 300 })(v) &&
  (v as number[][]).every(
    (row) => row.length > 1 && row.length <= MOST.columns + 1 && isPlace(row.at(-1), MOST.classes),
  ) &&
  ((v as number[][]).length === 0 || (v as number[][]).length >= 12)
const place = (label: Text, value: number) => ({
  label,
  value,
  hidden: true as const,
  valid: (v: unknown) => isPlace(v, MOST.columns),
})
const schema = {
  part: {
    label: ['Part', '部分'],
    value: 'distribution',
    options: {
      distribution: ['Distribution and statistics', '分布与统计量'],
      vectors: ['Dot product and norm', '点积与范数'],
      scaling: ['Scaling and training', '缩放与训练'],
      splits: ['Training, validation, test', '训练、验证与测试'],
    },
  },
  data: {
    label: ['Data', '数据'],
    value: 'penguins',
    options: {
      penguins: ['Penguins', '企鹅'],
      iris: ['Iris flowers', '鸢尾花'],
      own: ['Your own table', '自己的表格'],
    },
    when: part('distribution', 'scaling', 'splits'),
  },
  own: {
    label: ['Your own rows', '自己的数据'],
    value: [] as number[][],
    hidden: true,
    valid: ownRows,
  },
  names: {
    label: ['Names of columns', '列名'],
    value: [] as string[],
    hidden: true,
    valid: nameList,
  },
  classes: {
    label: ['Names of classes', '类别名'],
    value: [] as string[],
    hidden: true,
    valid: nameList,
  },
  x: place(['Column', '列'], 0),
  y: place(['Second column', '第二列'], 3),
  bins: {
    label: ['Bins', '分箱数'],
    value: 24,
    min: 2,
    max: 60,
    step: 1,
    when: part('distribution'),
  },
  wrong: {
    label: ['Entries with the decimal point one place off', '小数点错一位的条目数'],
    value: 0,
    min: 0,
    max: 20,
    step: 1,
    when: part('distribution'),
  },
  a1: end('a₁', 3),
  a2: end('a₂', 1),
  b1: end('b₁', 2),
  b2: end('b₂', 3),
  p: {
    label: ['Norm', '范数'],
    value: '2',
    options: { '1': 'L1', '2': 'L2', inf: 'L∞' },
    when: part('vectors'),
  },
  rate: {
    ...learningRate(0.5, [1e-7, 1e-6, 1e-4, 0.01, 0.1, 0.5, 1, 3, 10]),
    when: part('scaling'),
  },
  split: {
    label: ['Split', '划分方式'],
    value: 'random',
    options: {
      random: ['at random', '随机'],
      stratified: ['stratified', '分层'],
      order: ['in the order of the file', '按文件顺序'],
    },
    when: part('splits'),
  },
  train: {
    label: ['Share of training', '训练集比例'],
    value: 0.6,
    min: 0.4,
    max: 0.8,
    step: 0.1,
    when: part('splits'),
  },
  rows: { label: ['Rows', '行数'], value: 60, min: 12, max: 342, step: 6, when: part('splits') },
  seed: { ...seed(), when: part('splits') },
} as const satisfies Schema

const words = {
  x: ['Column', '列'],
  y: ['against', '对比'],
  number: ['number', '数值'],
} as const satisfies Record<string, Text>

function View({ s, set, frame }: ViewProps<typeof schema, Frame>) {
  const last = frame.columns.length - 1
  const [x, y] = [Math.min(s.x, last), Math.min(s.y, last)]
  return (
    <>
      {s.part !== 'vectors' && (
        <>
          {s.data === 'own' && (
            <TableInput
              roles={[words.number, words.number]}
              extra={MOST.columns - 1}
              half={0}
              classes={MOST.classes}
              optional
              least={12}
              most={300}
              largest={MOST.size}
              onRows={(own, classes, names) =>
                set({
                  own,
                  classes: classes.map((c) => c.slice(0, 40)),
                  names: names.map((n) => n.slice(0, 40)),
                })
              }
            />
          )}
          <div class="row">
            {(['x', 'y'] as const)
              .filter((name) => name === 'x' || s.part !== 'splits')
              .map((name) => (
                <label key={name}>
                  {t(words[name])}{' '}
                  <select
                    value={`${name === 'x' ? x : y}`}
                    onChange={(e) => set({ [name]: Number(e.currentTarget.value) })}
                  >
                    {frame.columns.map((column, i) => (
                      <option key={i} value={`${i}`}>
                        {nameOf(column)}
                      </option>
                    ))}
                  </select>
                </label>
              ))}
          </div>
        </>
      )}
      {frame.look && <DataDistribution frame={frame} look={frame.look} x={x} y={y} />}
      {frame.vectors && <DataVectors vectors={frame.vectors} s={s} set={set} />}
      {frame.ways && <DataScaling frame={frame} x={x} y={y} />}
      {frame.splits && <DataSplits frame={frame} splits={frame.splits} />}
    </>
  )
}

export default definePage<Frame>()({
  schema,
  speed: 100,
  intro: [
    'Before a network sees numbers, look at them: where they lie, what goes with what, in which units they are. Four parts: statistics, vectors, scaling and splits, on penguins, flowers or a table of your own.',
    '在网络看到数据之前，先看看数据：落在哪里，谁与谁相关，单位是什么。四个部分：统计量、向量、缩放与划分；数据可选企鹅、鸢尾花或自己的表格。',
  ],
  formula: String.raw`\begin{gathered} \bar x = \frac1n \sum_i x_i, \qquad \sigma^2 = \frac1n \sum_i (x_i - \bar x)^2 \\ r = \frac{\sum_i (x_i - \bar x)(y_i - \bar y)}{n\, \sigma_x \sigma_y} = \cos\angle(x - \bar x,\, y - \bar y) \end{gathered}`,
  question: [
    'Let 5 of the 342 entries have their decimal point one place off. Which notice it: mean or median, deviation or quartiles, Pearson or Spearman?',
    '让 342 个条目中的 5 个小数点错一位。哪些统计量会变：均值还是中位数，标准差还是四分位数，Pearson 还是 Spearman？',
  ],
  answer: [
    'The mean moves by six millimeters, the deviation grows from 5 to 49, and the correlation of length and mass almost vanishes. Median, quartiles and the correlation of the ranks hardly move: they ask who is larger than whom, not by how much.',
    '均值移动六毫米，标准差从 5 增到 49，喙长与体重的相关几乎消失。中位数、四分位数和秩相关几乎不动：它们只问谁比谁大，不问大多少。',
  ],
  parts: {
    by: 'part',
    of: {
      vectors: {
        formula: String.raw`\begin{gathered} a \cdot b = \sum_i a_i b_i = \lVert a \rVert \lVert b \rVert \cos\varphi, \qquad \operatorname{proj}_b a = \frac{a \cdot b}{b \cdot b}\, b \\ \lVert a \rVert_p = \Bigl(\sum_i |a_i|^p\Bigr)^{1/p}, \quad \lVert a \rVert_\infty = \max_i |a_i| \end{gathered}`,
        question: [
          'Turn a until the dot product is 0. Where is the projection then? And which changes the cosine: turning a vector, or making it longer?',
          '转动 a，直到点积为 0。此时投影在哪里？改变余弦的是转动向量，还是拉长向量？',
        ],
        answer: [
          'At a right angle nothing of a lies along b: the projection is the origin. Turning changes the cosine; length does not, so that the cosine compares directions only. A neuron computes such a dot product: it answers most to inputs that point where its weights point.',
          '成直角时，a 在 b 方向上没有分量：投影就是原点。转动改变余弦，长度则不会，所以余弦只比较方向。神经元计算的正是这样的点积：输入与权重方向一致时，它的反应最强。',
        ],
      },
      scaling: {
        formula: String.raw`z = \frac{x - \mu}{\sigma}, \qquad u = \frac{x - \min}{\max - \min}, \qquad w \leftarrow w - \eta \nabla L(w)`,
        question: [
          'Train all three at 0.5. Then look for a rate at which the loss of the data as they are goes down: does that run get anywhere?',
          '用 0.5 训练三者。然后找一个能让原始数据的损失下降的学习率：它能学到什么吗？',
        ],
        answer: [
          'At 0.5 the standardized data are learned within some hundred steps, those from 0 to 1 more slowly, since they are not centered; with the data as they are the loss jumps above a thousand. Only rates below about 3 in ten million stay in their valley, which is a billion times longer than wide: at 0.0000001 the loss comes to 1.04 and hardly moves from there.',
          '学习率为 0.5 时，标准化的数据几百步就学会；缩放到 0 到 1 的没有居中，慢一些；原始数据的损失跳到一千以上。只有低于千万分之三左右的学习率才留在山谷里，而这条山谷的长是宽的十亿倍：取 0.0000001 时，损失降到 1.04 后几乎不再动。',
        ],
      },
      splits: {
        formula: String.raw`\begin{gathered} z_i = \frac{x_i - \mu}{\sigma}, \quad \mu = \frac1n \sum_{i \in T \cup H} x_i \quad \Rightarrow \quad \sum_{i \in T} z_i + \sum_{i \in H} z_i = 0 \\ z_i = \frac{x_i - \mu_T}{\sigma_T}, \quad \mu_T = \frac1{|T|} \sum_{i \in T} x_i \quad \Rightarrow \quad \sum_{i \in T} z_i = 0 \end{gathered}`,
        question: [
          'Split in the order of the file. What is in the test? Then split at random and look at the picture of the means: what does scaling before the split tell of the part that nobody should see?',
          '按文件顺序划分。测试集里有什么？再随机划分，看均值那幅图：先缩放再划分，会泄漏不该看到的部分的什么信息？',
        ],
        answer: [
          'The file is sorted by class: the test has one class only. At random the share of the rarest class varies from split to split; stratified it stays within one row. Scaled before the split, the means of the training part T and of what is held out, H, lie on a line: who has T knows the mean of H. With hundreds of rows that says little; with few rows, or when columns are chosen so, it flatters the test. So: split first, fit the scaler on the training part.',
          '文件按类别排序：测试集里只有一个类别。随机划分时，最少类别的占比每次不同；分层划分则相差不超过一行。先缩放再划分，训练部分 T 与留出部分 H 的均值落在一条直线上：有了 T，就知道 H 的均值。有几百行时影响很小；行数少，或者用同样的方法挑选列时，测试结果就会虚高。所以：先划分，再只用训练部分拟合缩放器。',
        ],
      },
    },
  },
  program,
  torch: [
    ['variance(x), variance(x, { ddof: 1 })', 'x.var(correction=0), x.var()'],
    ['quantile(x, [0.25, 0.5, 0.75])', 'torch.quantile(x, torch.tensor([.25, .5, .75]))'],
    ['correlationMatrix(rows)', 'torch.corrcoef(rows.T)'],
    ['dot(a, b), norm(a, 1)', 'torch.dot(a, b), torch.linalg.norm(a, ord=1)'],
    [
      'new StandardScaler().fitTransform(x)',
      'sklearn.preprocessing.StandardScaler().fit_transform(x)',
    ],
    [
      'randomSplit(set, [0.6, 0.2, 0.2], { seed: 1 })',
      'torch.utils.data.random_split(set, [0.6, 0.2, 0.2])',
    ],
    [
      'stratifiedSplit(set, labels, [0.6, 0.4])',
      'sklearn.model_selection.train_test_split(x, y, test_size=0.4, stratify=y)',
    ],
  ],
  View,
})
