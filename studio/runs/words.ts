/** The texts of the pages of training runs. */
import type { Text } from '../text.js'

export const words = {
  title: ['Training runs', '训练记录'],
  none: [
    'There are no runs here yet. They appear as soon as one begins.',
    '这里还没有训练记录，一旦开始训练就会出现。',
  ],
  missing: [
    'This server has no runs, or it has ended. Start it with their folder: nabla studio runs',
    '本服务器没有训练记录，或者已经停止。请带上文件夹启动：nabla studio runs',
  ],
  smoothing: ['Smoothing', '平滑'],
  log: ['Logarithmic', '对数坐标'],
  run: ['Run', '记录'],
  shown: ['Show', '显示'],
  table: ['Runs and the settings in which they differ', '各次训练及其不同的设置'],
  look: ['Look closer', '详情'],
  back: ['All runs', '全部记录'],
  loading: ['Loading …', '加载中……'],
  noRun: ['There is no run of this name.', '没有这个名字的训练记录。'],
  settings: ['Settings', '设置'],
  confusion: ['Confusion matrix', '混淆矩阵'],
  confusionAbout: [
    'Rows are true classes, columns what the network said. Press on a number to see the examples behind it.',
    '行是真实类别，列是网络的回答。点击数字查看背后的例子。',
  ],
  truth: ['is', '实际'],
  said: ['said', '回答'],
  examples: ['Examples', '例子'],
  example: ['Example', '例子'],
  graph: ['The model', '模型结构'],
  histograms: ['Weights and gradients by layer', '各层的权重与梯度'],
  histogramAbout: [
    'Each ridge is one epoch or step, the earliest behind: how many numbers have which value.',
    '每条山脊是一个轮次或一步，最早的在后面：各个数值出现的多少。',
  ],
  noHistograms: [
    'This run has no histograms. Train with --histograms 1, or with the callback Histograms of nabla/train.',
    '此训练没有直方图。训练时加上 --histograms 1，或使用 nabla/train 的 Histograms 回调。',
  ],
  from: ['from', '从'],
  to: ['to', '到'],
  step: ['step', '步'],
  pictures: ['Pictures', '图片'],
  filter: ['Only layers with', '只看包含此名的层'],
} as const satisfies Record<string, Text>
