import { definePage, type ViewProps } from '../page.js'
import { learningRate, seed, type Schema } from '../settings.js'
import { FamilyTree } from '../views/FamilyTree.js'
import { family } from '../views/familyTree.js'
import { LoopTurn } from '../views/LoopTurn.js'
import type { Frame } from './loop.model.js'
import program from './loop.program.js?raw'

type V = Readonly<Record<string, unknown>>
const inLoop = (s: V) => s.part === 'loop'
const schema = {
  part: {
    label: ['Part', '部分'],
    value: 'loop',
    options: {
      loop: ['The loop of learning', '学习的回路'],
      tree: ['The family tree', '网络谱系'],
    },
  },
  net: {
    label: ['What learns', '学习的模型'],
    value: 'weight',
    options: {
      weight: ['one weight', '一个权重'],
      network: ['a network 1-3-1', '网络 1-3-1'],
    },
    when: inLoop,
  },
  rate: { ...learningRate(0.3, { min: 0.05, max: 1.2, step: 0.05 }), when: inLoop },
  momentum: { label: ['Momentum', '动量'], value: 0, min: 0, max: 0.9, step: 0.1, when: inLoop },
  delay: {
    label: ['Corrections come so many turns late', '修正迟到的轮数'],
    value: 0,
    min: 0,
    max: 5,
    step: 1,
    when: inLoop,
  },
  node: {
    label: ['Network', '网络'],
    value: 'lenet' as string,
    hidden: true,
    valid: (v: unknown) => family.some(({ id }) => id === v),
  },
  seed: { ...seed(), when: (s: V) => inLoop(s) && s.net === 'network' },
} as const satisfies Schema

function View({ s, set, frame }: ViewProps<typeof schema, Frame>) {
  return s.part === 'tree' ? (
    <FamilyTree node={s.node} weights={frame.weights} choose={(node) => set({ node })} />
  ) : (
    <LoopTurn frame={frame} rate={s.rate} />
  )
}

export default definePage<Frame>()({
  schema,
  speed: 5,
  intro: [
    'All networks learn in the same loop: guess, compare, find whose fault it was, correct. The error is fed back, and the learning rate says how strongly. Go through it stage by stage; then see in the family tree what has been put into this loop since 1958.',
    '所有网络都在同一个回路里学习：猜测、比较、归因、修正。误差被反馈回来，学习率决定反馈的强弱。逐步走一遍；再到谱系图里看看 1958 年以来，人们把什么放进了这个回路。',
  ],
  formula: String.raw`\begin{gathered} w \leftarrow w - \eta \frac{\partial L}{\partial w}, \qquad L(w) = \frac1n \sum_i (w x_i - y_i)^2 \\ L'' = \frac2n \sum_i x_i^2 = 2, \qquad w_{k+1} - w^* = (1 - \eta L'')(w_k - w^*) \end{gathered}`,
  question: [
    'Which rate needs one turn only? From which on does the loop swing, and from which does it diverge? Then take 0.3 and let the corrections come three turns late.',
    '哪个学习率一轮就到位？从多大开始振荡，从多大开始发散？再取 0.3，让修正迟到三轮。',
  ],
  answer: [
    'A turn leaves 1 − 2η of the error: nothing at 0.5, the same sign below it, the other sign above it: the weight swings around its best value. At 1 it swings forever, above 1 every turn makes the error larger. With corrections that come three turns late the loop diverges at 0.3 already: it answers to errors that are over, as a shower does whose water comes late.',
    '每一轮留下 1 − 2η 倍的误差：0.5 时为零，小于 0.5 符号不变，大于 0.5 符号相反，权重在最优值两边振荡。等于 1 时永远振荡，大于 1 时误差越来越大。修正迟到三轮时，0.3 就已发散：它在回应早已过去的误差，就像热水总是来迟的淋浴。',
  ],
  parts: {
    by: 'part',
    of: {
      tree: {
        formula: String.raw`\begin{gathered} h_{l+1} = f(W h_l + b) \;\to\; f(w * h_l) \\ h_t = f(W x_t + U h_{t-1}), \qquad \operatorname{softmax}\!\left(\tfrac{QK^\top}{\sqrt d}\right) V \end{gathered}`,
        question: [
          'Follow the line from the perceptron to GPT. What did each step keep, and what did it add? Compare the weights of RNN, LSTM and GRU of one size.',
          '沿着从感知机到 GPT 的路走一遍。每一步保留了什么，又加了什么？再比较同样大小的 RNN、LSTM 与 GRU 的权重数。',
        ],
        answer: [
          'All of them keep weighted sums, a curve and the loop of back propagation; they differ in what shares weights and what sees what: neighbours in a picture, steps of time, all words, nodes of a graph. An LSTM has four times the weights of an RNN of its size, 1,664 to 416, one set for each of three gates and one for what is new; a GRU has three, 1,248.',
          '它们都保留了加权求和、一条曲线和反向传播的回路；不同的是谁共享权重、谁能看见谁：图像里的邻居、时间步、所有的词、图上的节点。同样大小的 LSTM 权重是 RNN 的四倍，1,664 比 416：三个门各一组，新内容一组；GRU 是三倍，1,248。',
        ],
      },
    },
  },
  program,
  torch: [
    ['const guess = model.forward(x)', 'guess = model(x)'],
    ['const loss = guess.sub(y).square().mean()', 'loss = (guess - y).square().mean()'],
    ['optimizer.zeroGrad(); loss.backward()', 'optimizer.zero_grad(); loss.backward()'],
    [
      'new SGD(model.parameters(), { lr: 0.3, momentum: 0 })',
      'torch.optim.SGD(model.parameters(), lr=0.3, momentum=0)',
    ],
    ['optimizer.step()', 'optimizer.step()'],
    ['model.parameterCount()', 'sum(p.numel() for p in model.parameters())'],
  ],
  View,
})
