import { useSignal } from '@preact/signals'
import { definePage, type ViewProps } from '../page.js'
import { Heat } from '../parts/Heat.js'
import { MatrixTable } from '../parts/Matrix.js'
import { TextInput } from '../parts/TextInput.js'
import { seed, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './attention.model.js'
import program from './attention.program.js?raw'

const schema = {
  sentence: {
    label: ['Sentence', '句子'],
    value: 'the cat sat on the mat' as string,
    hidden: true,
    valid: (v: unknown) => typeof v === 'string' && v.length <= 120 && /[^\s,.，。]/.test(v),
  },
  size: { label: ['Numbers of a word', '词向量维数'], value: 8, options: [4, 8] },
  heads: { label: ['Heads', '注意力头数'], value: 2, options: [1, 2, 4] },
  scaled: { label: ['Scaled by √d', '按 √d 缩放'], value: true },
  mask: {
    label: ['Mask', '掩码'],
    value: 'none',
    options: { none: ['none', '无'], causal: ['no look at the future', '不看未来'] },
  },
  positions: { label: ['Positions are added', '加上位置编码'], value: true },
  seed: seed(),
} as const satisfies Schema

const words = {
  word: ['A sentence has at least one word.', '句子里至少要有一个词。'],
  own: ['Your sentence, up to ten words', '自己的句子，最多十个词'],
  use: ['Use it', '使用'],
  step: ['Step', '步骤'],
  head: ['Head', '头'],
  x: ['1. A vector for each word', '1. 每个词一个向量'],
  q: ['2. Queries Q: what each word looks for', '2. 查询 Q：每个词在找什么'],
  k: ['Keys K: what each word offers', '键 K：每个词提供什么'],
  v: ['Values V: what each word gives', '值 V：每个词给出什么'],
  scores: ['3. Scores: each query times each key', '3. 得分：每个查询乘每个键'],
  weights: ['4. Weights: softmax of each row', '4. 权重：每行做 softmax'],
  output: ['5. Output: the values, weighed and added', '5. 输出：按权重把值相加'],
  positions: ['Positional encoding: 64 positions of 32 numbers', '位置编码：64 个位置，各 32 个数'],
  products: ['Products of the positions with each other', '位置向量两两的乘积'],
} as const satisfies Record<string, Text>

function View({ s, set, frame }: ViewProps<typeof schema, Frame>) {
  const head = useSignal(0)
  const h = Math.min(head.value, frame.weights.length - 1)
  const names = frame.words
  return (
    <>
      <TextInput
        label={words.own}
        action={words.use}
        text={s.sentence}
        most={120}
        refuse={(sentence) => (schema.sentence.valid(sentence) ? undefined : words.word)}
        onUse={(sentence) => set({ sentence })}
      />
      <MatrixTable {...frame.x} rowNames={names} scale={2} label={t(words.x)} />
      <div class="grid">
        <MatrixTable {...frame.q} rowNames={names} scale={2} label={t(words.q)} digits={1} />
        <MatrixTable {...frame.k} rowNames={names} scale={2} label={t(words.k)} digits={1} />
        <MatrixTable {...frame.v} rowNames={names} scale={2} label={t(words.v)} digits={1} />
      </div>
      {frame.weights.length > 1 && (
        <div class="row">
          {frame.weights.map((_, i) => (
            <button
              key={i}
              type="button"
              aria-pressed={h === i}
              onClick={() => {
                head.value = i
              }}
            >
              {t(words.head)} {i + 1}
            </button>
          ))}
        </div>
      )}
      <div class="grid">
        <MatrixTable
          {...frame.scores[h]!}
          rowNames={names}
          columnNames={names}
          scale={3}
          label={t(words.scores)}
        />
        <MatrixTable
          {...frame.weights[h]!}
          rowNames={names}
          columnNames={names}
          scale={0.6}
          label={t(words.weights)}
        />
      </div>
      <MatrixTable {...frame.output} rowNames={names} scale={2} label={t(words.output)} />
      <div class="grid pictures">
        <figure>
          <figcaption>{t(words.positions)}</figcaption>
          <Heat {...frame.positions} width={32} height={64} scale={1} label={t(words.positions)} />
        </figure>
        <figure>
          <figcaption>{t(words.products)}</figcaption>
          <Heat {...frame.products} width={64} height={64} scale={16} label={t(words.products)} />
        </figure>
      </div>
    </>
  )
}

export default definePage<Frame>()({
  schema,
  intro: [
    'Each word looks at all words, and takes from each as much as its key fits the query. Type a sentence and follow the numbers; the matrices are random, as before training.',
    '每个词都看向所有的词，键与查询越匹配，就从那里取得越多。输入一句话，跟着数字走一遍；矩阵是随机的，如同训练之前。',
  ],
  formula: String.raw`\begin{gathered} \operatorname{Attention}(Q, K, V) = \operatorname{softmax}\Bigl(\frac{Q K^\top}{\sqrt{d}}\Bigr) V \\ p_{t,2i} = \sin\frac{t}{10000^{2i/d}}, \quad p_{t,2i+1} = \cos\frac{t}{10000^{2i/d}} \end{gathered}`,
  question: [
    'Take the positions away. What do the two rows of “the” have in common now?',
    '去掉位置编码。现在两行“the”有什么共同点？',
  ],
  answer: [
    'They are the same in every table: without positions attention sees a bag of words, and the same word in two places asks and answers alike. With positions the two differ. The products of the positions depend on the distance alone, which is why the last picture has stripes.',
    '它们在每张表里都一样：没有位置，注意力看到的只是一袋词，同一个词在两处的问与答完全相同。加上位置编码，两行就不同了。位置向量的乘积只取决于距离，所以最后一幅图是条纹。',
  ],
  program,
  torch: [
    [
      'softmax(q.matmul(k.transpose(0, 1)).div(Math.sqrt(d)), -1)',
      'F.softmax(q @ k.T / math.sqrt(d), dim=-1)',
    ],
    ['scores.maskedFill(future, -Infinity)', "scores.masked_fill(future, float('-inf'))"],
    ['scaledDotProductAttention(q, k, v)', 'F.scaled_dot_product_attention(q, k, v)'],
    ['new nn.MultiheadAttention(8, 2)', 'nn.MultiheadAttention(8, 2)'],
  ],
  View,
})
