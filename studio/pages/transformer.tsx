import { useSignal } from '@preact/signals'
import { definePage, type ViewProps } from '../page.js'
import { Bars, largest } from '../parts/Bars.js'
import { CellRow } from '../parts/CellRow.js'
import { Chart } from '../parts/Chart.js'
import { MatrixTable } from '../parts/Matrix.js'
import { Numbers } from '../parts/Numbers.js'
import { Scroll } from '../parts/Scroll.js'
import { TextInput } from '../parts/TextInput.js'
import { learningRate, seed, textOf, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './transformer.model.js'
import program from './transformer.program.js?raw'

const schema = {
  task: {
    label: ['Task', '任务'],
    value: 'reverse',
    options: {
      reverse: ['Turn the digits round', '把数字倒过来'],
      translate: ['Translate English to Chinese', '英文译成中文'],
      sort: ['Sort the digits', '把数字排序'],
    },
  },
  layers: { label: ['Layers of each side', '两侧各有几层'], value: 2, options: [1, 2, 3] },
  heads: { label: ['Heads', '注意力头数'], value: 4, options: [1, 2, 4] },
  width: { label: ['Width d', '宽度 d'], value: 32, options: [16, 32, 64] },
  rate: learningRate(0.003, [0.0003, 0.001, 0.003, 0.01]),
  seed: seed(),
  source: {
    label: ['Your own sentence', '自己的句子'],
    value: '3 1 4 1 5' as string,
    hidden: true,
    valid: textOf(1, 60),
  },
} as const satisfies Schema

const words = {
  own: ['Numbers 0 to 9, up to six: 3 1 4, or three one', '0 到 9 的数，最多六个：3 1 4 或 三一四'], // biome-ignore format: short
  use: ['Use it', '使用'],
  odd: ['These are not one to six numbers from 0 to 9.', '这不是一到六个 0 到 9 的数。'],
  loss: ['loss', '损失'],
  parameters: ['parameters', '参数个数'],
  right: ['words that are right alone', '独自生成的正确词数'],
  taught: ['Teacher forcing: it is given the right words', '教师强制：给它正确的词'],
  alone: ['Generation: it is given its own words', '生成：给它自己说的词'],
  given: ['is given', '输入'],
  says: ['says', '输出'],
  wanted: ['should say', '应输出'],
  place: ['Place', '位置'],
  sure: ['How probable each word is at place', '各词的概率，位置'],
  diagram: ['The model, with the shape of every tensor; press on an attention to see its maps', '模型与每个张量的形状；点击注意力查看其图'], // biome-ignore format: short
  encoder: ['Encoder', '编码器'],
  decoder: ['Decoder', '解码器'],
  tokens: ['tokens', '词的编号'],
  embedding: ['embedding × √d', '词嵌入 × √d'],
  positions: ['+ positions', '+ 位置编码'],
  layer: ['Layer', '第'],
  self: ['self-attention', '自注意力'],
  masked: ['masked self-attention', '带掩码的自注意力'],
  across: ['attention to the encoder', '对编码器的注意力'],
  queries: ['Q by head', '各头的 Q'],
  keys: ['K, V by head', '各头的 K、V'],
  weights: ['weights', '权重'],
  added: ['added, normalized before', '残差相加（先归一化）'],
  hidden: ['feed-forward, hidden', '前馈，隐藏层'],
  norm: ['normalized: what the decoder reads', '归一化：供解码器读取'],
  last: ['normalized', '归一化'],
  logits: ['logits of each word', '每个词的 logits'],
  maps: ['What each head looks at: a row looks at the columns', '各头看向哪里：每行看向各列'],
  head: ['Head', '头'],
  over: ['Loss over steps', '损失随步数的变化'],
} as const satisfies Record<string, Text>

type Kind = 0 | 1 | 2
const kindNames: readonly Text[] = [words.self, words.masked, words.across]

function View({ s, set, frame }: ViewProps<typeof schema, Frame>) {
  const alone = useSignal(true)
  const place = useSignal(0)
  const chosen = useSignal<{ kind: Kind; layer: number }>({ kind: 2, layer: 0 })
  const { source, given, wanted, said, taught, written, maps, shapes, history } = frame
  // Of the model that is drawn; the settings may be ahead of it until the next one is there.
  const [count, heads] = [maps[0]!.length, maps[0]![0]!.length]
  const best = (p: Float64Array) => frame.words[largest(p, 1)[0]!]!
  const chances = alone.value ? written : taught
  const outputs = alone.value ? said : taught.map(best)
  const inputs = alone.value ? [given[0]!, ...said.slice(0, -1)] : given
  const shown = Math.min(place.value, chances.length - 1)
  const layer = Math.min(chosen.value.layer, count - 1)
  const { kind } = chosen.value
  const p = chances[shown]!
  const shape = (name: string) => (shapes[name] ?? []).join(' × ')
  const byHead = (name: string) => {
    const [n, l, d] = shapes[name] as [number, number, number]
    return [n, heads, l, d / heads].join(' × ')
  }
  const line = (name: Text, size: string) => (
    <div class="part">
      <span>{t(name)}</span>
      <code>{size}</code>
    </div>
  )
  const attention = (part: string, k: Kind, l: number) => {
    const rows = (shapes[`${part}.w_q`] as number[])[1]
    const columns = (shapes[`${part}.w_k`] as number[])[1]
    return (
      <>
        <button
          type="button"
          class="part"
          aria-pressed={kind === k && layer === l}
          onClick={() => {
            chosen.value = { kind: k, layer: l }
          }}
        >
          <span>{t(kindNames[k]!)}</span>
          <code>{shape(part)}</code>
        </button>
        {line(words.queries, byHead(`${part}.w_q`))}
        {line(words.keys, byHead(`${part}.w_k`))}
        {line(words.weights, [1, heads, rows, columns].join(' × '))}
      </>
    )
  }
  const layers = (side: 'encoder' | 'decoder') =>
    Array.from({ length: count }, (_, l) => {
      const at = `${side}.layers.${l}`
      return (
        <div key={l} class="block">
          <strong>
            {t(words.layer)} {l + 1} {t(['', '层'])}
          </strong>
          {attention(`${at}.self_attention_block`, side === 'encoder' ? 0 : 1, l)}
          {line(words.added, shape(`${at}.residual_connections.0`))}
          {side === 'decoder' && (
            <>
              {attention(`${at}.cross_attention_block`, 2, l)}
              {line(words.added, shape(`${at}.residual_connections.1`))}
            </>
          )}
          {line(words.hidden, shape(`${at}.feed_forward_block.linear_1`))}
          {line(words.added, shape(at))}
        </div>
      )
    })
  const [from, to] = kind === 0 ? [source, source] : kind === 1 ? [given, given] : [given, source]
  return (
    <>
      <Numbers
        values={[
          [t(words.parameters), frame.parameters.toLocaleString('en')],
          [t(words.loss), frame.loss],
          [t(words.right), `${wanted.filter((w, i) => said[i] === w).length} / ${wanted.length}`],
        ]}
      />
      <TextInput
        label={words.own}
        action={words.use}
        text={s.source}
        most={60}
        onUse={(text) => set({ source: text })}
      />
      <p class={frame.understood ? 'sentence' : 'trouble'} role="status">
        {frame.understood ? source.join(' ') : t(words.odd)}
      </p>
      <div class="row">
        {[false, true].map((is) => (
          <button
            key={`${is}`}
            type="button"
            aria-pressed={alone.value === is}
            onClick={() => {
              alone.value = is
            }}
          >
            {t(is ? words.alone : words.taught)}
          </button>
        ))}
      </div>
      <div class="split">
        <Scroll label={t(alone.value ? words.alone : words.taught)}>
          <table class="steps">
            <thead>
              <tr>
                <th scope="col">{t(words.place)}</th>
                {chances.map((_, i) => (
                  <th key={i} scope="col">
                    <button
                      type="button"
                      aria-pressed={i === shown}
                      onClick={() => {
                        place.value = i
                      }}
                    >
                      {i + 1}
                    </button>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              <CellRow name={t(words.given)} cells={inputs} now={shown} />
              <CellRow name={t(words.says)} cells={outputs} wanted={wanted} now={shown} />
              <CellRow name={t(words.wanted)} cells={wanted} now={shown} />
            </tbody>
          </table>
        </Scroll>
        <div>
          <h3>
            {t(words.sure)} {shown + 1}
          </h3>
          <Bars
            label={t(words.sure)}
            bars={largest(p, 6).map((i) => ({ name: frame.words[i]!, value: p[i]! }))}
          />
        </div>
      </div>
      <h3>
        {t(words.maps)}{' '}
        {`(${t(kindNames[kind]!)}, ${t(words.layer)} ${layer + 1}${t(['', ' 层'])})`}
      </h3>
      <div class="grid">
        {maps[kind]![layer]!.map((map, h) => (
          <MatrixTable
            key={h}
            data={map}
            rows={from.length}
            columns={to.length}
            rowNames={from}
            columnNames={to}
            scale={0.5}
            digits={1}
            label={`${t(words.head)} ${h + 1}`}
          />
        ))}
      </div>
      <h3>{t(words.diagram)}</h3>
      <div class="split even diagram">
        <div>
          <h4>{t(words.encoder)}</h4>
          {line(words.tokens, `1 × ${source.length}`)}
          {line(words.embedding, shape('src_embed'))}
          {line(words.positions, shape('src_pos'))}
          {layers('encoder')}
          {line(words.norm, shape('encoder'))}
        </div>
        <div>
          <h4>{t(words.decoder)}</h4>
          {line(words.tokens, `1 × ${given.length}`)}
          {line(words.embedding, shape('tgt_embed'))}
          {line(words.positions, shape('tgt_pos'))}
          {layers('decoder')}
          {line(words.last, shape('decoder'))}
          {line(words.logits, shape('projection_layer'))}
        </div>
      </div>
      <Chart
        label={t(words.over)}
        x={history.step}
        curves={[{ label: t(words.loss), data: history.loss }]}
        height={170}
      />
    </>
  )
}

export default definePage<Frame>()({
  schema,
  live: ['source'],
  intro: [
    'The whole Transformer, encoder and decoder, learns a small task here in seconds. Type a sentence of numbers, watch what each head looks at, and compare what the model says when it is given the right words with what it says alone.',
    '完整的 Transformer（编码器加解码器）在这里几秒钟学会一个小任务。输入一串数字，观察各个头看向哪里，比较“给它正确的词”与“让它独自生成”时的输出。',
  ],
  formula: String.raw`\begin{gathered} \operatorname{head}_i = \operatorname{softmax}\Bigl(\frac{Q_i K_i^\top}{\sqrt{d/h}} + M\Bigr) V_i \\ x \leftarrow x + \operatorname{Attention}(\operatorname{norm}(x)) \\ x \leftarrow x + W_2 \operatorname{relu}(W_1 \operatorname{norm}(x) + b_1) + b_2 \\ L = -\frac1T \sum_t \log p(y_t \mid y_{<t}, x) \end{gathered}`,
  question: [
    'Train about 200 steps on “turn the digits round”. Which way do the lines of the attention to the encoder go, and which way when the task is to translate?',
    '用“把数字倒过来”训练约 200 步。解码器看向编码器的注意力沿哪个方向？换成翻译任务呢？',
  ],
  answer: [
    'When digits are turned round, at least one head looks along the rising diagonal, from the last word back to the first: to say the first word it reads the last. When it translates word by word, the line falls: the row that says a word looks at the word that it translates. Nobody told it so; the gradient found it. Early in training the two tables differ: alone, one wrong word is read again and leads to the next.',
    '倒序时，至少有一个头沿着“从末到首”的对角线看：说第一个词时读的是最后一个。逐词翻译时方向相反：说出某个词的那一行，看着它所翻译的词。没有人告诉它这样做，是梯度找到的。训练初期两张表不同：独自生成时，一个错词被再次读入，又引出下一个错词。',
  ],
  program,
  torch: [
    ['buildTransformer(V, V, 8, 8, { dModel: 32, N: 2, h: 4 })', 'build_transformer(V, V, 8, 8, d_model=32, N=2, h=4)'],
    ['new nn.Transformer(32, 4, 2, 2)', 'nn.Transformer(32, 4, 2, 2)'],
    ['causalMask(8)', 'torch.tril(torch.ones(1, 1, 8, 8)).bool()'],
    ['crossEntropy(logits, labels)', 'F.cross_entropy(logits, labels, ignore_index=-100)'],
    ['module.registerForwardHook(f)', 'module.register_forward_hook(f)'],
  ], // biome-ignore format: names side by side
  View,
})
