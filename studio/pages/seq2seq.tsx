import { definePage, type ViewProps } from '../page.js'
import { CellRow, visible } from '../parts/CellRow.js'
import { Chart } from '../parts/Chart.js'
import { MatrixTable } from '../parts/Matrix.js'
import { Numbers } from '../parts/Numbers.js'
import { Scroll } from '../parts/Scroll.js'
import { TextInput } from '../parts/TextInput.js'
import { learningRate, seed, textOf, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './seq2seq.model.js'
import program from './seq2seq.program.js?raw'

const digits = (v: Record<string, unknown>) => v.task !== 'dates'
const schema = {
  task: { label: ['Task', '任务'], value: 'reverse', options: { reverse: ['Reverse the digits', '倒写数字'], sort: ['Sort the digits', '数字排序'], dates: ['Write dates another way', '改写日期'] } }, // biome-ignore format: short
  length: { label: ['Digits of a sequence', '序列的数字个数'], value: 8, options: [4, 6, 8, 10], when: digits }, // biome-ignore format: short
  forcing: { label: ['While training a step is given', '训练时每一步得到'], value: 'teacher', options: { teacher: ['the truth: teacher forcing', '正确答案（教师强制）'], free: ['its own last symbol', '自己上一步的输出'] } }, // biome-ignore format: short
  width: { label: ['Width of the states', '状态的宽度'], value: 48, options: [16, 32, 48, 64] },
  rate: learningRate(0.005, [0.001, 0.002, 0.005, 0.01]),
  seed: seed(),
  text: {
    label: ['Own input', '自己的输入'],
    value: '' as string,
    hidden: true,
    valid: textOf(0, 20),
  },
} as const satisfies Schema

const words = {
  looking: ['with attention', '有注意力'],
  blind: ['without attention', '无注意力'],
  loss: ['loss', '损失'],
  right: ['sequences without a mistake', '完全正确的序列'],
  over: ['Test sequences without a mistake, over steps', '完全正确的测试序列随步数的变化'],
  own: ['Your input', '你的输入'],
  use: ['Translate', '转换'],
  wrong: [
    'The task takes 2 to 14 digits, or a date such as 7 Mar 2021.',
    '请输入 2 到 14 个数字，或像 7 Mar 2021 这样的日期。',
  ],
  source: ['read', '读入'],
  truth: ['should be written', '应写'],
  free: ['written step by step, each from the last', '自由运行：由上一步写下一步'],
  forced: ['told the truth before each step', '教师强制：每一步先给正确答案'],
  weights: [
    'Attention: where each written symbol (row) looks in the input (column)',
    '注意力：写每个符号（行）时看输入的哪里（列）',
  ],
} as const satisfies Record<string, Text>

const shown = (text: string) => [...text].map(visible)

function View({ s, set, frame }: ViewProps<typeof schema, Frame>) {
  const { source, truth, answers, accuracy, history } = frame
  const kinds = [t(words.looking), t(words.blind)]
  return (
    <>
      <Numbers
        values={kinds.map((kind, i) => [
          `${kind}: ${t(words.right)}`,
          `${(accuracy[i]! * 100).toFixed(0)} % (${t(words.loss)} ${Number.isFinite(frame.losses[i]!) ? frame.losses[i]!.toFixed(2) : '–'})`,
        ])}
      />
      <TextInput
        label={words.own}
        action={words.use}
        text={s.text || source.trim()}
        most={20}
        onUse={(text) => set({ text })}
      />
      {frame.wrong && (
        <p class="trouble" role="alert">
          {t(words.wrong)}
        </p>
      )}
      <Scroll label={t(words.own)}>
        <table class="spelled">
          <tbody>
            <CellRow name={t(words.source)} cells={source} />
            <CellRow name={t(words.truth)} cells={truth} />
          </tbody>
          {answers.map(({ free, forced }, i) => (
            <tbody key={i}>
              <tr>
                <th scope="rowgroup" colSpan={1 + Math.max(source.length, truth.length)}>
                  <strong>{kinds[i]}</strong>
                </th>
              </tr>
              <CellRow name={t(words.free)} cells={free} wanted={truth} />
              <CellRow name={t(words.forced)} cells={forced} wanted={truth} />
            </tbody>
          ))}
        </table>
      </Scroll>
      <MatrixTable
        data={frame.weights}
        rows={truth.length}
        columns={source.length}
        rowNames={shown(answers[0]!.free)}
        columnNames={shown(source)}
        scale={0.6}
        label={t(words.weights)}
      />
      <Chart
        label={t(words.over)}
        x={history.step}
        curves={[
          { label: kinds[0]!, data: history.looking },
          { label: kinds[1]!, data: history.blind },
        ]}
        range={[0, 1]}
        height={200}
      />
    </>
  )
}

export default definePage<Frame>()({
  schema,
  live: ['text'],
  intro: [
    'An encoder reads a sequence, a decoder writes another. Without attention all that was read must fit into one vector; with it the decoder looks back at each step. Both learn here from the same batches. Type an input of your own; mistakes are marked.',
    '编码器读入一个序列，解码器写出另一个。没有注意力，读到的一切都要挤进一个向量；有了注意力，解码器每一步都能回头看。两者在这里用同样的批次学习。输入你自己的序列，错误会被标出。',
  ],
  formula: String.raw`\begin{gathered} h_1 \dots h_S = \operatorname{GRU}(x), \quad s_t = \operatorname{GRU}(y_{t-1}, s_{t-1}), \quad s_0 = h_S \\ \alpha_{tj} = \operatorname{softmax}_j\, \frac{q(s_t) \cdot k(h_j)}{\sqrt d} \\ p_t = \operatorname{softmax} W\Bigl[s_t;\, \sum_j \alpha_{tj}\, v(h_j)\Bigr] \end{gathered}`,
  question: [
    'Train until the network with attention reverses eight digits. What form has its heat map? Then read the two rows of the network without attention: where does it go wrong?',
    '训练到有注意力的网络能倒写八个数字。它的热图是什么形状？再看没有注意力的网络的两行：它错在哪里？',
  ],
  answer: [
    'The weights lie along the diagonal that runs backwards: the first symbol written looks at the end of the input. Some rows look one place further to the right, where the state still remembers the symbol before. Without attention the end of the input, which was read last, is written well, and what was read first is lost. With the truth given before each step it makes fewer mistakes than by itself, where one wrong symbol leads to the next: teacher forcing hides that while training.',
    '权重沿反向的对角线分布：写第一个符号时看输入的末尾。有些行偏右一格，那里的状态还记得前一个符号。没有注意力时，最后读入的末尾写得好，最先读入的却丢失了。每一步先给正确答案时，它的错误比自由运行时少；自由运行中一个错误会引出下一个，而教师强制在训练时掩盖了这一点。',
  ],
  program,
  torch: [
    ['new nn.GRU(16, 48)', 'nn.GRU(16, 48)'],
    ['const [output, state] = gru.forward(x)', 'output, state = gru(x)'],
    ['new nn.MultiheadAttention(48, 1)', 'nn.MultiheadAttention(48, 1)'],
    ['scores.argmax(2)', 'scores.argmax(dim=2)'],
    ['concat([h, found], 2)', 'torch.cat([h, found], dim=2)'],
  ],
  View,
})
