import { useSignal } from '@preact/signals'
import { definePage, type ViewProps } from '../page.js'
import { Bars, largest } from '../parts/Bars.js'
import { visible } from '../parts/CellRow.js'
import { Chart } from '../parts/Chart.js'
import { css } from '../parts/colors.js'
import { Numbers } from '../parts/Numbers.js'
import { TextInput } from '../parts/TextInput.js'
import { Unknown } from '../parts/Unknown.js'
import { learningRate, seed, textOf, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './language-model.model.js'
import program from './language-model.program.js?raw'

const writes = (s: Record<string, unknown>) => s.model === 'gpt'

const schema = {
  model: {
    label: ['Model', '模型'],
    value: 'gpt',
    options: {
      gpt: ['GPT: writes on', 'GPT：续写'],
      bert: ['Masked model: fills blanks', '掩码模型：填空'],
    },
  },
  text: {
    label: ['Text to learn', '学习的文字'],
    value: 'rhymes',
    options: {
      rhymes: ['Two English songs', '两首英文儿歌'],
      poems: ['Six Chinese poems', '六首唐诗'],
      own: ['Your own', '自己的文字'],
    },
  },
  own: {
    label: ['Your own text', '自己的文字'],
    value: 'The quick brown fox jumps over the lazy dog.\n' as string,
    hidden: true,
    valid: textOf(8, 2000),
  },
  temperature: { label: ['Temperature', '温度'], value: 0.8, min: 0, max: 2, step: 0.1, when: writes }, // biome-ignore format: short
  topK: { label: ['Top-k: so many at most', 'Top-k：最多几个'], value: 20, min: 1, max: 40, step: 1, when: writes }, // biome-ignore format: short
  topP: { label: ['Top-p: until they have', 'Top-p：累计概率'], value: 1, min: 0.05, max: 1, step: 0.05, when: writes }, // biome-ignore format: short
  layers: { label: ['Layers', '层数'], value: 2, options: [1, 2, 3] },
  width: { label: ['Width', '宽度'], value: 64, options: [16, 32, 64] },
  context: { label: ['Characters that it sees', '能看到的字符数'], value: 32, options: [8, 16, 32, 48], when: writes }, // biome-ignore format: short
  rate: learningRate(0.003, [0.0003, 0.001, 0.003, 0.01]),
  seed: seed(),
  prompt: {
    label: ['Prompt', '提示'],
    value: '' as string,
    hidden: true,
    valid: textOf(1, 200),
  },
  blanks: {
    label: ['Text with blanks', '带空白的文字'],
    value: '' as string,
    hidden: true,
    valid: textOf(1, 120),
  },
} as const satisfies Schema

const words = {
  short: [
    'This text is too short to learn from: it takes 8 characters.',
    '文字太短，无法学习：至少需要 8 个字符。',
  ],
  noBlank: [
    'Nothing is to be found: write _ for at least one word.',
    '没有要填的词：请至少把一个词写成 _。',
  ],
  limit: ['The model reads no more words than', '模型最多只读的词数为'],
  use: ['Use it', '使用'],
  loss: ['loss', '损失'],
  perplexity: ['perplexity', '困惑度'],
  parameters: ['parameters', '参数个数'],
  over: ['Loss over steps', '损失随步数的变化'],
  written: ['The text: what the model has added is blue, the fuller the surer it was', '文字：模型写的部分为蓝色，越深表示越有把握'], // biome-ignore format: short
  one: ['One character', '写一个字'],
  many: ['40 characters', '写 40 个字'],
  back: ['Back to the prompt', '回到提示'],
  next: ['Next character: the bar is what it is drawn by, the line what the model says', '下一个字：条形为抽取时的概率，竖线为模型给出的概率'], // biome-ignore format: short
  blanks: ['Text: write _ for a word to be found', '文字：要填的词写成 _'],
  filled: ['The most probable words fill the blanks', '用最可能的词填空'],
  blank: ['Blank', '空'],
} as const satisfies Record<string, Text>

function View({ s, set, run, frame }: ViewProps<typeof schema, Frame>) {
  const busy = useSignal(false)
  const { names, next, filled, history } = frame
  const write = async (count: number) => {
    busy.value = true
    try {
      await run.ask('write', count)
    } finally {
      busy.value = false
    }
  }
  const spaced = /\s/.test(frame.blanks.trim())
  const at = new Map(filled.map(({ place, model }) => [place, model]))
  return (
    <>
      <Numbers
        values={[
          [t(words.parameters), frame.parameters.toLocaleString('en')],
          [t(words.loss), frame.loss],
          [t(words.perplexity), Math.exp(frame.loss)],
        ]}
      />
      {s.text === 'own' && (
        <TextInput
          label={schema.own.label}
          action={words.use}
          text={s.own}
          most={2000}
          lines={5}
          refuse={(own) => (schema.own.valid(own) ? undefined : words.short)}
          onUse={(own) => set({ own })}
        />
      )}
      {next ? (
        <>
          <TextInput
            label={schema.prompt.label}
            action={words.use}
            text={frame.prompt}
            most={200}
            onUse={(prompt) => set({ prompt })}
          />
          <Unknown typed={frame.prompt} known={names} />
          <div class="split">
            <div>
              <h3>{t(words.written)}</h3>
              <div class="written">
                {frame.prompt}
                {frame.written.map(({ character, probability }, i) => (
                  <mark key={i} style={{ background: css(0.1 + 0.3 * probability) }}>
                    {names[character]}
                  </mark>
                ))}
              </div>
              <div class="row">
                <button type="button" disabled={busy.value} onClick={() => write(1)}>
                  {t(words.one)}
                </button>
                <button type="button" disabled={busy.value} onClick={() => write(40)}>
                  {t(words.many)}
                </button>
                <button type="button" onClick={() => run.ask('back')}>
                  {t(words.back)}
                </button>
              </div>
            </div>
            <div>
              <h3>{t(words.next)}</h3>
              <Bars
                label={t(words.next)}
                bars={largest(next.model, 10).map((i) => ({
                  name: visible(names[i]!),
                  value: next.drawn[i]!,
                  before: next.model[i]!,
                }))}
              />
            </div>
          </div>
        </>
      ) : (
        <>
          <TextInput
            label={words.blanks}
            action={words.use}
            text={frame.blanks}
            most={120}
            refuse={(text) => (text.includes('_') ? undefined : words.noBlank)}
            onUse={(text) => set({ blanks: text })}
          />
          <Unknown typed={frame.words} known={names} />
          {frame.words.length > frame.most && (
            <p class="trouble" role="alert">
              {t(words.limit)} {frame.most}
            </p>
          )}
          <h3>{t(words.filled)}</h3>
          <div class="written">
            {frame.words.map((word, i) => {
              const p = at.get(i)
              const [top = 0] = p ? largest(p, 1) : []
              // Spaces as in the text that was given.
              const space = i > 0 && spaced ? ' ' : ''
              return (
                <span key={i}>
                  {space}
                  {p ? (
                    <mark style={{ background: css(0.1 + 0.3 * p[top]!) }}>{names[top]}</mark>
                  ) : (
                    word
                  )}
                </span>
              )
            })}
          </div>
          <div class="grid">
            {filled.map(({ place, model }, i) => (
              <div key={place}>
                <h3>
                  {t(words.blank)} {i + 1}
                </h3>
                <Bars
                  label={`${t(words.blank)} ${i + 1}`}
                  bars={largest(model, 4).map((c) => ({
                    name: visible(names[c]!),
                    value: model[c]!,
                  }))}
                />
              </div>
            ))}
          </div>
        </>
      )}
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
  live: ['temperature', 'topK', 'topP', 'prompt', 'blanks'],
  intro: [
    'A language model says how probable each next character is; nothing else. Train it on a small text, and let it write: each character is drawn, added, and read again. The masked model sees both sides of a blank and fills it.',
    '语言模型只做一件事：说出下一个字各有多大概率。用一小段文字训练它，再让它写：每个字被抽出、接上、再读入。掩码模型能看到空白的两侧，并把它填上。',
  ],
  formula: String.raw`\begin{gathered} p(x_1 \dots x_n) = \prod_t p(x_t \mid x_1 \dots x_{t-1}), \quad p = \operatorname{softmax}(z / T) \\ L = -\frac1n \sum_t \log p(x_t \mid x_1 \dots x_{t-1}), \quad \text{perplexity} = e^L \end{gathered}`,
  question: [
    'Train for about 200 steps, then write with temperature 0, 0.8 and 2. What changes? And what does top-k 3 do at temperature 2?',
    '训练约 200 步，然后分别用温度 0、0.8 和 2 来写。有什么不同？温度为 2 时把 top-k 设为 3 又会怎样？',
  ],
  answer: [
    'At 0 the model takes the most probable character each time and says the text by heart, always the same. At 0.8 it changes lines now and then. At 2 the bars come close to each other, and improbable characters spoil the words; top-k 3 takes them away, so that words come back although the temperature is high.',
    '温度为 0 时每次都取最可能的字，原样背出文字，次次相同。0.8 时偶尔会跳到别的句子。到了 2，各个条形变得接近，不大可能的字破坏了词句；top-k 为 3 把它们去掉，温度虽高，词句又回来了。',
  ],
  program,
  torch: [
    ['new GPT2({ nEmbd: 64, nLayer: 2, nHead: 4 })', 'GPT2LMHeadModel(GPT2Config(n_embd=64, n_layer=2, n_head=4))'],
    ['crossEntropy(scores.reshape([-1, V]), targets.reshape([-1]))', 'F.cross_entropy(scores.view(-1, V), targets.view(-1))'],
    ['generate(model, ids, { temperature, topK, topP })', 'model.generate(ids, do_sample=True, temperature=t, top_k=k, top_p=p)'],
    ['new Bert({ hiddenSize: 64 })', 'BertForMaskedLM(BertConfig(hidden_size=64))'],
    ['maskTokens(ids, { maskId, vocabSize })', 'DataCollatorForLanguageModeling(tokenizer)'],
  ], // biome-ignore format: names side by side
  View,
})
