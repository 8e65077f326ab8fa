import { definePage, type ViewProps } from '../page.js'
import { Bars } from '../parts/Bars.js'
import { Chart } from '../parts/Chart.js'
import { Cloud } from '../parts/Cloud.js'
import { series } from '../parts/colors.js'
import { Legend } from '../parts/Legend.js'
import { Numbers } from '../parts/Numbers.js'
import { TextInput } from '../parts/TextInput.js'
import { type Schema, seed } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame } from './embeddings.model.js'
import program from './embeddings.program.js?raw'

const MOST = 20_000
const learns = (s: Record<string, unknown>) => s.text !== 'english'
/** Two words of a sentence at least: of fewer there is nothing to learn. */
const isText = (v: unknown) =>
  typeof v === 'string' &&
  v.length <= MOST &&
  v
    .split(/[.!?。！？\n]+/)
    .some((line) => new Set(line.match(/\p{Script=Han}|[\p{L}\p{N}]+/gu)).size > 1)
const isLine = (most: number) => (v: unknown) =>
  typeof v === 'string' && v.trim() !== '' && v.length <= most

const schema = {
  text: {
    label: ['Text to learn from', '学习的文字'],
    value: 'moby',
    options: {
      moby: ['Moby-Dick, the whole book', '《白鲸》全书（英文）'],
      world: ['A small world of rules', '规则的小世界（英文）'],
      chinese: ['The same in Chinese', '规则的小世界（中文）'],
      own: ['Your own text', '自己的文字'],
      english: ['Ready vectors: billions of words', '现成的词向量：数十亿词'],
    },
  },
  view: {
    label: ['Map', '地图'],
    value: 'plane',
    options: { plane: ['in 2-D', '二维'], space: ['in 3-D', '三维'] },
  },
  size: { label: ['Numbers of a vector', '向量的维数'], value: 32, options: [4, 8, 16, 32, 64], when: learns }, // biome-ignore format: short
  window: { label: ['Words on each side', '两侧各看几个词'], value: 5, min: 1, max: 10, step: 1, when: learns }, // biome-ignore format: short
  negative: { label: ['Random words to tell apart', '负样本个数'], value: 5, min: 1, max: 15, step: 1, when: learns }, // biome-ignore format: short
  rate: { label: ['Learning rate at the start', '初始学习率'], value: 0.05, options: [0.01, 0.025, 0.05, 0.1], when: learns }, // biome-ignore format: short
  epochs: { label: ['Epochs', '轮数'], value: 5, options: [1, 3, 5, 10, 20, 50], when: learns },
  seed: { ...seed(), when: learns },
  own: {
    label: ['Your own text', '自己的文字'],
    value:
      'Ripe apples taste sweet. Ripe pears taste sweet. Green apples taste sour. Green pears taste sour. Fast ships sail far. Fast boats sail far. Old ships sail home. Old boats sail home.' as string,
    hidden: true,
    valid: isText,
  },
  word: {
    label: ['Word', '词'],
    value: '' as string,
    hidden: true,
    valid: isLine(40),
  },
  analogy: {
    label: ['Three words: a is to b as c is to …', '三个词：a 之于 b，如同 c 之于……'],
    value: '' as string,
    hidden: true,
    valid: isLine(120),
  },
} as const satisfies Schema

const kinds: Record<string, Text> = {
  numbers: ['numbers', '数字'],
  body: ['parts of the body', '身体部位'],
  people: ['people', '人物'],
  ship: ['ship', '船'],
  places: ['places', '地名'],
  time: ['time', '时间'],
  tools: ['tools', '工具'],
  animals: ['animals', '动物'],
  things: ['what is said of them', '他们的特征'],
  food: ['food', '食物'],
  colors: ['colors', '颜色'],
  doing: ['verbs and their past', '动词与过去式'],
  sizes: ['adjectives and comparatives', '形容词与比较级'],
  '': ['other words', '其他词'],
}

const words = {
  alone: [
    'Nothing can be learned from this: a sentence has at least two different words.',
    '从中学不到东西：句子里至少要有两个不同的词。',
  ],
  use: ['Use it', '使用'],
  loss: ['loss', '损失'],
  count: ['words with a vector', '有向量的词'],
  done: ['of all epochs', '已完成'],
  plane: [
    'The map: two principal components of the vectors; press on a word',
    '词的地图：向量的前两个主成分；点击一个词',
  ],
  space: [
    'The map: three principal components of the vectors; press on a word',
    '词的地图：向量的前三个主成分；点击一个词',
  ],
  near: ['Nearest to', '最近的词：'],
  cosine: ['by the cosine of the angle between the vectors', '按向量夹角的余弦'],
  analogy: ['Analogy by an arrow', '用箭头表示类比'],
  is: ['is to', '之于'],
  as: ['as', '如同'],
  to: ['is to', '之于'],
  missing: ['No vector has been learned for: ', '没有学到这些词的向量：'],
  three: ['An analogy takes three words that have vectors.', '类比需要三个有向量的词。'],
  over: ['Loss over steps of 100 places of the text', '损失随步数的变化（每步 100 个位置）'],
} as const satisfies Record<string, Text>

function View({ s, set, frame }: ViewProps<typeof schema, Frame>) {
  const { shown, word, near, analogy, history } = frame
  const found = analogy?.found[0]?.word ?? ''
  const strong = new Set([word, ...(analogy ? [...analogy.words, found] : [])])
  const order = [...new Set(shown.map((p) => p.kind))]
  const color = (kind: string) => (kind === '' ? 'var(--muted)' : series(order.indexOf(kind)))
  const at = (name: string) => shown.find((p) => p.word === name)!.at
  const accent = 'var(--accent)'
  const mapName = t(s.view === 'space' ? words.space : words.plane)
  return (
    <>
      <Numbers
        values={[
          [t(words.count), frame.count.toLocaleString('en')],
          ...(s.text === 'english'
            ? []
            : [
                [t(words.loss), frame.loss] as const,
                [t(words.done), `${(frame.progress * 100).toFixed(0)} %`] as const,
              ]),
        ]}
      />
      {s.text === 'own' && (
        <TextInput
          label={schema.own.label}
          action={words.use}
          text={s.own}
          most={MOST}
          lines={5}
          refuse={(own) => (isText(own) ? undefined : words.alone)}
          onUse={(own) => set({ own })}
        />
      )}
      <div class="split">
        <div>
          <h3>{mapName}</h3>
          <Cloud
            space={s.view === 'space'}
            label={mapName}
            points={shown.map((p) => ({
              name: p.word,
              at: p.at,
              color: color(p.kind),
              strong: strong.has(p.word),
            }))}
            arrows={
              analogy
                ? [
                    { from: at(analogy.words[0]!), to: at(analogy.words[1]!), color: accent },
                    { from: at(analogy.words[2]!), to: analogy.target, color: accent, dash: true },
                  ]
                : []
            }
            onPick={(name) => set({ word: name })}
          />
          <Legend items={order.map((kind) => [t(kinds[kind]!), color(kind)])} />
        </div>
        <div>
          <TextInput
            formula
            label={schema.word.label}
            action={words.use}
            text={s.word || word}
            most={40}
            onUse={(text) => set({ word: text.trim() })}
          />
          <h3>
            {t(words.near)} <em lang={s.text === 'chinese' ? 'zh' : 'en'}>{word}</em>
          </h3>
          <Bars
            label={`${t(words.near)} ${word}, ${t(words.cosine)}`}
            bars={near.map((n) => ({ name: n.word, value: n.similarity }))}
          />
          <h3>{t(words.analogy)}</h3>
          <TextInput
            formula
            label={schema.analogy.label}
            action={words.use}
            text={s.analogy || frame.offers[0] || ''}
            most={120}
            onUse={(text) => set({ analogy: text.trim().replace(/\s+/g, ' ') })}
          />
          <div class="row">
            {frame.offers.map((line) => (
              <button
                key={line}
                type="button"
                aria-pressed={(analogy?.words.join(' ') ?? '') === line}
                onClick={() => set({ analogy: line })}
              >
                {line}
              </button>
            ))}
          </div>
          {frame.missing.length > 0 && (
            <p class="trouble" role="alert">
              {t(words.missing)}
              {frame.missing.join(', ')}
            </p>
          )}
          {analogy ? (
            <>
              <p class="sentence">
                {analogy.words[0]} {t(words.is)} {analogy.words[1]} {t(words.as)} {analogy.words[2]}{' '}
                {t(words.to)} {found}
              </p>
              <Bars
                label={t(words.analogy)}
                bars={analogy.found.map((n) => ({ name: n.word, value: n.similarity }))}
              />
            </>
          ) : (
            <p class="muted">{t(words.three)}</p>
          )}
        </div>
      </div>
      {s.text !== 'english' && (
        <Chart
          label={t(words.over)}
          x={history.step}
          curves={[{ label: t(words.loss), data: history.loss }]}
          height={170}
        />
      )}
    </>
  )
}

export default definePage<Frame>()({
  schema,
  live: ['view', 'word', 'analogy'],
  intro: [
    'A word gets a vector by the company it keeps: skip-gram tells the true neighbours of a word in the text from random words, and words of the same surroundings end up near each other. Train it on a whole book and watch kinds of words gather.',
    '一个词的向量来自它的上下文：skip-gram 要把文中真正的邻词与随机的词区分开，于是上下文相同的词彼此靠近。用一整本书来训练，看同类的词聚到一起。',
  ],
  formula: String.raw`\begin{gathered} L = -\log \sigma(u_o \cdot v_c) - \sum_{i=1}^{k} \log \sigma(-u_i \cdot v_c) \\ \cos(a, b) = \frac{a \cdot b}{\lVert a \rVert\, \lVert b \rVert} \\ a : b = c : \operatorname*{arg\,max}_{w} \cos(w,\, b - a + c) \end{gathered}`,
  question: [
    'Train on Moby-Dick and try its analogies. Which work, and which does not? Then try “man king woman” on the small world, and on the ready vectors.',
    '用《白鲸》训练，试试它的几个类比。哪些成立，哪个不成立？再到小世界和现成的词向量上试试“man king woman”。',
  ],
  answer: [
    'The book teaches grammar: he is to his as they to their, is to was as are to were, boat to boats as whale to whales. It says too little about kings and queens: with 220,000 words “man king woman” gives some other word. In the small world all that is said of a queen is said of a king or of a woman, so both arrows are the same and the answer is queen, after seconds. Vectors of billions of words know it for France and Paris, walk and walked, too.',
    '这本书教会了语法：he 之于 his 如同 they 之于 their，is 之于 was 如同 are 之于 were，boat 之于 boats 如同 whale 之于 whales。但它很少谈到国王和王后：只有 22 万词，“man king woman”得到的是别的词。小世界里，关于王后的话要么也说国王，要么也说女人，所以两支箭头相同，几秒后就答出 queen。数十亿词训练的向量还知道 France 与 Paris、walk 与 walked。',
  ],
  program,
  torch: [
    ['new Word2Vec(text, { vectorSize: 32, window: 5, negative: 5 })', 'gensim: Word2Vec(text, vector_size=32, window=5, negative=5, sg=1)'],
    ['training.vectors.toTensor()', 'nn.Embedding(n, 32).weight'],
    ["vectors.nearest('whale', 8)", 'F.cosine_similarity(w.weight, w(whale)).topk(8)'],
    ["vectors.analogy('man', 'king', 'woman')", "gensim: kv.most_similar(positive=['king', 'woman'], negative=['man'])"],
    ['new PCA({ nComponents: 3 })', 'torch.pca_lowrank(x, q=3)'],
  ], // biome-ignore format: names side by side
  View,
})
