// @ts-check
import { tensor } from 'nabla'
import { PCA } from 'nabla/classic'
import { mobyDick, splitWords, Word2Vec, WordVectors } from 'nabla/text'

/** @import { Neighbour } from 'nabla/text' */
/** @typedef {{ text: 'moby' | 'world' | 'chinese' | 'own' | 'english', own: string, size: number, window: number, negative: number, rate: number, epochs: number, seed: number }} Settings */

/** Places of the text that are one step. */
export const PLACES = 100

/** Words of the map by kind, and words and analogies (a is to b as c to ...) to begin with. */
export const known = {
  moby: {
    kinds: {
      numbers: 'two three five eight twenty fifty',
      body: 'head hand arm eyes foot mouth',
      people: 'ahab starbuck stubb queequeg peleg captain',
      ship: 'deck mast cabin bow sails rigging',
      places: 'nantucket america england africa london pacific',
      time: 'day night morning hour year weeks',
      tools: 'harpoon lance rope hammer knife oars',
      animals: 'whale whales shark fish dog bird',
    },
    analogies: ['he his they', 'is was are', 'boat boats whale', 'i my you', 'man king woman'],
  },
  world: {
    kinds: {
      people: 'king queen prince princess man woman boy girl',
      animals: 'dog puppy cat kitten cow calf horse foal',
      things: 'crown village barks mews beard dress works plays',
    },
    analogies: ['man king woman', 'king queen boy', 'dog puppy cow', 'man boy horse'],
  },
  chinese: {
    kinds: {
      people: '国王 王后 王子 公主 男人 女人 男孩 女孩',
      animals: '大狗 小狗 大猫 小猫 大牛 小牛 大马 小马',
      things: '王冠 村庄 汪汪 喵喵 胡子 裙子 工作 玩耍',
    },
    analogies: ['男人 国王 女人', '国王 王后 男孩', '大狗 小狗 大牛', '男人 男孩 大马'],
  },
  english: {
    kinds: {
      people: 'man woman king queen prince princess boy girl',
      animals: 'dog puppy cat kitten horse cow lion bird',
      numbers: 'two three five eight twenty hundred',
      places: 'france paris italy rome japan tokyo russia moscow',
      food: 'bread butter cheese rice coffee tea',
      colors: 'red green blue yellow white black',
      doing: 'walk walked swim swam write wrote',
      sizes: 'big bigger small smaller fast faster',
    },
    analogies: ['man king woman', 'france paris japan', 'walk walked swim', 'big bigger small', 'dog puppy cat'], // biome-ignore format: a line
  },
}

/** A small world: what is said of whom. Nobody is told that a king is to a man as a queen is to a woman. */
const sayings = {
  world: {
    royal: ['wears a golden crown', 'sits on the throne', 'lives in the castle'],
    common: ['lives in the village', 'digs in the field', 'goes to the market'],
    male: ['trims his beard', 'buttons his jacket'],
    female: ['braids her hair', 'ties her dress'],
    old: ['works all day', 'is grown up'],
    young: ['plays with toys', 'is still small'],
    dog: ['barks at strangers', 'fetches a stick'],
    cat: ['mews at the door', 'catches mice'],
    cow: ['moos in the barn', 'chews grass'],
    horse: ['neighs in the stable', 'gallops away'],
  },
  chinese: {
    royal: ['戴着 金 王冠', '坐 在 宝座 上', '住 在 城堡 里'],
    common: ['住 在 村庄 里', '在 田里 种地', '去 集市'],
    male: ['修剪 胡子', '扣上 外套'],
    female: ['梳 辫子', '系 裙子'],
    old: ['整天 工作', '已经 长大'],
    young: ['喜欢 玩耍', '还 很 小'],
    dog: ['汪汪 叫', '捡 树枝'],
    cat: ['喵喵 叫', '抓 老鼠'],
    cow: ['哞哞 叫', '嚼 青草'],
    horse: ['嘶鸣 着', '飞奔 而去'],
  },
}
/** Who is what, in the order of the words of the map. */
const facts = ['royal old male', 'royal old female', 'royal young male', 'royal young female', 'common old male', 'common old female', 'common young male', 'common young female', 'dog old', 'dog young', 'cat old', 'cat young', 'cow old', 'cow young', 'horse old', 'horse young'] // biome-ignore format: a line

/** Of everybody, two facts in each sentence, told four times over. @param {'world' | 'chinese'} language */
function worldText(language) {
  /** @type {Record<string, readonly string[]>} */
  const told = sayings[language]
  const { people, animals } = known[language].kinds
  const text = `${people} ${animals}`.split(' ').flatMap((word, i) => {
    const own = (facts[i] ?? '').split(' ')
    return own.flatMap((a) =>
      own.filter((b) => b !== a).flatMap((b) =>
        (told[a] ?? []).flatMap((x) => (told[b] ?? []).map((y) => `${word} ${x} ${word} ${y}`)),
      ),
    ) // biome-ignore format: short
  })
  return [...text, ...text, ...text, ...text]
}

/** Words of a text, a list for each sentence; of Chinese every character is one. @param {string} text */
export const sentencesOf = (text) =>
  text
    .toLowerCase()
    .split(/[.!?。！？\n]+/)
    .map((line) =>
      splitWords(line).flatMap((w) => w.match(/\p{Script=Han}|\P{Script=Han}+/gu) ?? []),
    )
    .filter((words) => words.length > 1)

/** What is read. @param {Settings} s @param {() => readonly { text: string }[]} book */
export function sentences(s, book) {
  if (s.text === 'moby') return book().map(({ text }) => splitWords(text.toLowerCase()))
  if (s.text === 'own') return sentencesOf(s.own)
  return worldText(s.text === 'chinese' ? 'chinese' : 'world').map((line) => line.split(' '))
}

/** Skip-gram with negative words on a text. @param {Settings} s @param {readonly (readonly string[])[]} text */
export const trainer = (s, text) =>
  new Word2Vec(text, {
    vectorSize: s.size,
    window: s.window,
    negative: s.negative,
    lr: s.rate,
    epochs: s.epochs,
    seed: s.seed,
    // In a book rare words say little, and frequent ones too.
    ...(s.text === 'moby' ? { minCount: 5 } : { minCount: 1, sample: 0 }),
  })

/**
 * The words as points: their vectors of length 1, of which `words` decide the three principal components. Components keep the side
 * that they had `before`. @param {WordVectors} vectors @param {readonly string[]} words @param {number[][]} [before]
 */
export function mapOf(vectors, words, before) {
  const rows = words.map((w) => unit(vectors.get(w)))
  const nComponents = Math.min(3, words.length - 1, vectors.dimension)
  const pca = new PCA({ nComponents })
  const float = /** @type {const} */ ({ dtype: 'float64' })
  const found = /** @type {number[][]} */ (pca.fitTransform(tensor(rows, float)).toArray())
  const side = [0, 1, 2].map((k) => {
    const same = found.reduce((sum, p, i) => sum + (p[k] ?? 0) * (before?.[i]?.[k] ?? 0), 0)
    return k >= nComponents ? 0 : same < 0 ? -1 : 1
  })
  // The whole square is used, and no length is drawn longer than another.
  const size = Math.max(...found.flat().map(Math.abs)) || 1
  const turn = (/** @type {number[]} */ p) => side.map((v, k) => (v * (p[k] ?? 0)) / size)
  return {
    places: found.map(turn),
    /** Where vectors lie, which may leave the square. @param {number[][]} list */
    at: (list) =>
      list.length === 0
        ? []
        : /** @type {number[][]} */ (pca.transform(tensor(list, float)).toArray()).map(turn),
  }
}
/** A vector of length 1. @param {ArrayLike<number>} v */
export const unit = (v) => {
  const length = Math.hypot(...Array.from(v)) || 1
  return Array.from(v, (x) => x / length)
}

/** What is to c as b is to a: b - a + c, and the words nearest to it. @param {WordVectors} vectors @param {readonly string[]} words */
export function analogy(vectors, [a = '', b = '', c = '']) {
  const [x = [], y = [], z = []] = [a, b, c].map((w) => unit(vectors.get(w)))
  return {
    target: y.map((v, k) => v - (x[k] ?? 0) + (z[k] ?? 0)),
    found: vectors.analogy(a, b, c, 5),
  }
}

/** Vectors of 1,489 frequent English words, learned elsewhere from billions of words. @param {Uint8Array} bytes */
export const ready = (bytes) => WordVectors.parse(bytes)

/** @param {Neighbour[]} list */
const told = (list) => list.map((n) => `${n.word} ${n.similarity.toFixed(3)}`).join(', ')

/** The whole book takes a minute: `steps` may be Infinity. @param {Settings} s */
export async function main(s, steps = s.text === 'moby' ? 100 : Infinity) {
  let vectors
  if (s.text === 'english') {
    vectors = WordVectors.load(new URL('studio/vectors/english.txt', import.meta.resolve('nabla')))
  } else {
    const training = trainer(s, sentences(s, mobyDick))
    training.advance(100 * PLACES)
    console.log('after 100 steps: loss', training.loss)
    training.advance(steps * PLACES)
    console.log(
      `at ${(100 * training.progress).toFixed(0)} % of the epochs: loss`,
      training.loss || 'as before',
    )
    vectors = training.vectors
  }
  console.log('words', vectors.words.length)
  const own = vectors.words.slice(0, 3).join(' ')
  for (const line of s.text === 'own' ? [own] : known[s.text].analogies) {
    const [a = '', b = '', c = ''] = line.split(' ')
    if ([a, b, c].every((w) => vectors.has(w)))
      console.log(`${a} is to ${b} as ${c} to: ${told(vectors.analogy(a, b, c, 3))}`)
  }
}
