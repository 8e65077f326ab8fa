import { definePage, type ViewProps } from '../page.js'
import { CellRow } from '../parts/CellRow.js'
import { Chart } from '../parts/Chart.js'
import { series } from '../parts/colors.js'
import { Heat } from '../parts/Heat.js'
import { Numbers } from '../parts/Numbers.js'
import { Scroll } from '../parts/Scroll.js'
import { TextInput } from '../parts/TextInput.js'
import { learningRate, seed, textOf, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './recurrent.model.js'
import program from './recurrent.program.js?raw'

const schema = {
  task: { label: ['Task', '任务'], value: 'memory', options: { memory: ['Remember the first letter', '记住第一个字母'], text: ['Continue a text', '续写文本'], series: ['Continue a series', '延续序列'] } }, // biome-ignore format: short
  cell: {
    label: ['Look into', '查看'],
    value: 'gru',
    options: { rnn: 'RNN', lstm: 'LSTM', gru: 'GRU' },
  },
  length: { label: ['Length of a sequence', '序列长度'], value: 20, options: [5, 10, 20, 30, 40] },
  hidden: { label: ['Hidden units', '隐藏单元数'], value: 16, options: [4, 8, 16, 32] },
  rate: learningRate(0.01, [0.001, 0.003, 0.01, 0.03]),
  forget: {
    label: ['LSTM begins with open forget gates', 'LSTM 的遗忘门一开始就打开'],
    value: false,
  },
  seed: seed(),
  text: {
    label: ['Text', '文本'],
    value: 'she sells sea shells on the sea shore. ' as string,
    hidden: true,
    valid: textOf(1, 200),
  },
} as const satisfies Schema

const names = ['RNN', 'LSTM', 'GRU']
const words = {
  loss: ['loss', '损失'],
  over: [
    'Loss over steps: all three learn from the same sequences',
    '损失随步数的变化：三者用同样的序列学习',
  ],
  reach: [
    'How much the last loss depends on an input so many steps before it',
    '最后一步的损失在多大程度上取决于若干步之前的输入',
  ],
  distance: ['steps back', '向前的步数'],
  inside: ['Inside the cell, step by step', '逐步看单元内部'],
  read: ['reads', '读入'],
  want: ['should say', '应答'],
  said: ['says', '回答'],
  truth: ['next value', '下一个值'],
  i: ['input gate i', '输入门 i'],
  f: ['forget gate f', '遗忘门 f'],
  o: ['output gate o', '输出门 o'],
  c: ['memory c', '记忆 c'],
  r: ['reset gate r', '重置门 r'],
  z: ['update gate z: 1 keeps the state', '更新门 z：为 1 则保持状态'],
  h: ['state h', '状态 h'],
  own: ['Text to learn', '要学习的文本'],
  use: ['Use', '使用'],
  written: ['What it writes', '它写出的文本'],
  wave: ['The series, and what the network expects', '序列与网络的预测'],
} as const satisfies Record<string, Text>

function View({ s, set, frame }: ViewProps<typeof schema, Frame>) {
  const { read, want, said, waves } = frame
  // Of the sequence that is drawn: the settings may be ahead of it.
  const T = frame.reach[0]!.length
  const steps = Array.from({ length: T }, (_, i) => i)
  const last = (list: readonly string[]) => list.map((c, i) => (i === T - 1 ? c : ''))
  const memory = s.task === 'memory'
  const wanted = memory ? last(want) : want
  return (
    <>
      <Numbers values={names.map((name, i) => [`${name}: ${t(words.loss)}`, frame.losses[i]!])} />
      {s.task === 'text' && (
        <TextInput
          label={words.own}
          action={words.use}
          text={s.text}
          most={200}
          onUse={(text) => set({ text })}
        />
      )}
      <div class="split even">
        <div>
          <h3>{t(words.over)}</h3>
          <Chart
            label={t(words.over)}
            x={frame.history.step}
            curves={names.map((label, i) => ({
              label,
              data: [frame.history.rnn, frame.history.lstm, frame.history.gru][i]!,
            }))}
            height={210}
          />
        </div>
        <div>
          <h3>{t(words.reach)}</h3>
          <Chart
            label={t(words.reach)}
            xLabel={t(words.distance)}
            x={steps}
            curves={names.map((label, i) => ({
              label,
              // A logarithm has no 0.
              data: frame.reach[i]!.map((v) => (v > 1e-20 ? v : null)),
            }))}
            log
            height={210}
          />
        </div>
      </div>
      <h3 class="spaced">
        {t(words.inside)}: {names[['rnn', 'lstm', 'gru'].indexOf(s.cell)]}
      </h3>
      {waves && (
        <Chart
          label={t(words.wave)}
          x={steps}
          curves={[
            { label: t(words.truth), data: waves.want, color: series(8) },
            { label: t(words.said), data: waves.said, dash: true },
          ]}
          range={[-1.1, 1.1]}
          height={170}
        />
      )}
      <Scroll label={t(words.inside)}>
        <table class="inside" style={{ '--steps': T }}>
          <tbody>
            {!waves && (
              <>
                <CellRow name={t(words.read)} cells={read} />
                <CellRow name={t(words.want)} cells={wanted} />
                <CellRow name={t(words.said)} cells={memory ? last(said) : said} wanted={wanted} />
              </>
            )}
            {frame.inside.map(({ name, data }) => (
              <tr key={name}>
                <th scope="row">{t(words[name as 'h'])}</th>
                <td colSpan={T}>
                  <Heat
                    data={data}
                    width={T}
                    height={data.length / T}
                    label={t(words[name as 'h'])}
                    {...(name !== 'c' && { scale: 1 })}
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {s.task === 'text' && (
        <>
          <h3>{t(words.written)}</h3>
          <p class="written">{frame.written}</p>
        </>
      )}
    </>
  )
}

export default definePage<Frame>()({
  schema,
  intro: [
    'Three recurrent cells read the same sequences and learn side by side. See what each remembers at every step, how its gates open and close, and how far back the gradient of the last loss reaches.',
    '三种循环单元读同样的序列，并排学习。看它们每一步记住了什么、门如何开合，以及最后一步损失的梯度能传到多远。',
  ],
  formula: String.raw`\begin{aligned} \text{RNN:}\quad & h_t = \tanh(W x_t + U h_{t-1} + b) \\ \text{LSTM:}\quad & c_t = f_t \odot c_{t-1} + i_t \odot g_t, \quad h_t = o_t \odot \tanh c_t \\ \text{GRU:}\quad & h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1} \end{aligned}`,
  question: [
    'The letter to be told stands 20 steps back. Which cell finds it first? Open the forget gates of the LSTM, and train again.',
    '要回答的字母在 20 步之前。哪个单元最先找到它？把 LSTM 的遗忘门打开，再训练一次。',
  ],
  answer: [
    'The GRU, after about 200 steps: its gradient reaches the first input, those of the others fade by a factor in each step. The LSTM has a forget gate of about 1/2 at the beginning, and half of a half of a half is nothing; with a bias of 1 it keeps three quarters, and learns the task, too. Once a cell has learned, its curve on the right is flat, and the picture of its gates shows the mark being kept.',
    'GRU，大约 200 步之后：它的梯度能传到第一个输入，另外两个的梯度则每一步都按比例衰减。LSTM 的遗忘门一开始约为 1/2，一半的一半的一半等于没有；偏置为 1 时能保留约四分之三，也就学得会了。一旦学会，右边的曲线变平，门的图像显示标记被保留下来。',
  ],
  program,
  torch: [
    ['new nn.RNN(8, 16)', 'nn.RNN(8, 16)'],
    ['new nn.LSTM(8, 16)', 'nn.LSTM(8, 16)'],
    ['new nn.GRU(8, 16)', 'nn.GRU(8, 16)'],
    ['const [output, [h, c]] = lstm.forward(x)', 'output, (h, c) = lstm(x)'],
    ['grad((x) => lossOf(x))(x)', 'torch.autograd.grad(loss_of(x), x)[0]'],
  ],
  View,
})
