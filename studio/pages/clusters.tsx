import { definePage, type ViewProps } from '../page.js'
import { series } from '../parts/colors.js'
import { Numbers } from '../parts/Numbers.js'
import { Plot } from '../parts/Plot.js'
import { TableInput } from '../parts/TableInput.js'
import { numberRows, seed, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './clusters.model.js'
import program from './clusters.program.js?raw'

type V = Readonly<Record<string, unknown>>
const schema = {
  method: {
    label: ['Method', '方法'],
    value: 'kmeans',
    options: { kmeans: ['k-means', 'k 均值聚类'], pca: ['PCA', '主成分分析 PCA'], tsne: 't-SNE' },
  },
  data: {
    label: ['Data', '数据'],
    value: 'clouds',
    options: {
      clouds: ['Four clouds', '四团点'],
      iris: ['Iris flowers', '鸢尾花'],
      digits: ['Digits of 8 by 8 pixels', '8×8 手写数字'],
      own: ['Your own table', '自己的表格'],
    },
  },
  own: {
    label: ['Your own rows', '自己的数据'],
    value: [] as number[][],
    hidden: true,
    valid: numberRows(0, 100, { most: 300 }),
  },
  clusters: {
    label: ['Clusters', '簇数'],
    value: 4,
    min: 1,
    max: 10,
    step: 1,
    when: (s: V) => s.method === 'kmeans',
  },
  perplexity: {
    label: ['Perplexity', '困惑度'],
    value: 20,
    min: 5,
    max: 40,
    step: 5,
    when: (s: V) => s.method === 'tsne',
  },
  seed: seed(5),
  known: { label: ['Colours by what is known', '按真实类别着色'], value: false },
} as const satisfies Schema

const words = {
  label: ['class', '类别'],
  picture: ['The rows of the data as points', '数据的每一行是一个点'],
  inertia: ['inertia: squared distances to the centers', '惯量：到中心的距离平方和'],
  divergence: ['divergence', '散度'],
} as const satisfies Record<string, Text>

function View({ s, set, frame }: ViewProps<typeof schema, Frame>) {
  const { at, centers } = frame
  const range = (k: number): [number, number] => {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (let i = k; i < at.length; i += 2) {
      low = Math.min(low, at[i]!)
      high = Math.max(high, at[i]!)
    }
    const room = (high - low) * 0.06 + 1e-6
    return [low - room, high + room]
  }
  // Without colours nothing is known yet.
  const groups = s.known || s.method !== 'kmeans' ? (s.known ? frame.labels : []) : frame.found
  return (
    <>
      {s.data === 'own' && (
        <TableInput
          roles={['x₁', 'x₂', words.label]}
          extra={6}
          half={3}
          classes={100}
          most={300}
          onRows={(own) => set({ own })}
        />
      )}
      {s.method !== 'pca' && (
        <Numbers
          values={[[t(s.method === 'kmeans' ? words.inertia : words.divergence), frame.value]]}
        />
      )}
      <Plot x={range(0)} y={range(1)} width={720} height={520} label={t(words.picture)}>
        {(area) => (
          <>
            {Array.from({ length: at.length / 2 }, (_, i) => (
              <circle
                key={i}
                cx={area.x(at[2 * i]!)}
                cy={area.y(at[2 * i + 1]!)}
                r={4}
                fill={groups[i] === undefined ? 'var(--muted)' : series(groups[i])}
                fill-opacity={0.75}
              />
            ))}
            {Array.from({ length: centers.length / 2 }, (_, i) => (
              <path
                key={`c${i}`}
                d="M-8-8L8 8M8-8L-8 8"
                transform={`translate(${area.x(centers[2 * i]!)} ${area.y(centers[2 * i + 1]!)})`}
                stroke="var(--ink)"
                stroke-width={3.5}
              />
            ))}
          </>
        )}
      </Plot>
    </>
  )
}

export default definePage<Frame>()({
  schema,
  live: ['known'],
  speed: 1,
  intro: [
    'Without labels: k-means looks for groups, PCA for the directions of most variance, t-SNE for a map on which neighbours stay neighbours. Run it slowly, then show what is known.',
    '没有标签时：k 均值寻找分组，PCA 寻找方差最大的方向，t-SNE 寻找让近邻保持为近邻的地图。先慢慢运行，再显示真实类别。',
  ],
  formula: String.raw`\begin{gathered} \text{k-means: } \min_{c} \sum_i \min_k \lVert x_i - c_k \rVert^2 \\ \text{t-SNE: } \min_{y} \sum_{ij} p_{ij} \log \frac{p_{ij}}{q_{ij}}, \quad q_{ij} \propto \frac{1}{1 + \lVert y_i - y_j \rVert^2} \end{gathered}`,
  question: [
    'Try several seeds of k-means with four clusters. Does it always find the four clouds?',
    '四个簇的 k 均值，换几个随机种子。它总能找到四团点吗？',
  ],
  answer: [
    'No: with some starts two centers share one cloud and one center has two, and no step improves it: a local minimum, with a higher inertia. This is why KMeans starts with k-means++, which places the first centers far from each other.',
    '不一定：有些起点会让两个中心分享一团，而另一个中心占两团，再走也不会改善：这是惯量更高的局部极小值。所以 KMeans 默认用 k-means++，让初始中心彼此远离。',
  ],
  program,
  torch: [
    ['new KMeans({ nClusters: 4 }).fit(x)', 'sklearn.cluster.KMeans(n_clusters=4).fit(x)'],
    [
      'new PCA({ nComponents: 2 }).fitTransform(x)',
      'sklearn.decomposition.PCA(n_components=2).fit_transform(x)',
    ],
    [
      'new TSNE({ perplexity: 20 }).fit(x).embedding',
      'sklearn.manifold.TSNE(perplexity=20).fit_transform(x)',
    ],
  ],
  View,
})
