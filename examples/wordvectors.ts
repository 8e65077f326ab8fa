/**
 * Word vectors of Moby-Dick: skip-gram and CBOW with negative words, skip-gram with a tree, and GloVe. What is near a word,
 * analogies, and a map. An epoch is one pass of CBOW and GloVe over the book, and half of one of skip-gram.
 */
import { join } from 'node:path'
import { tensor } from 'nabla'
import { PCA } from 'nabla/classic'
import { scatterChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'
import { mobyDick, splitWords, trainGlove, trainWord2Vec, type WordVectors } from 'nabla/text'

/** Words of eight kinds: those of a kind should lie together. */
const kinds: Record<string, string> = {
  numbers: 'two three four five six seven eight ten twenty thirty forty fifty',
  body: 'head hand hands arm arms eye eyes leg foot face brow mouth heart teeth jaw fingers',
  men: 'ahab starbuck stubb flask queequeg tashtego daggoo pip peleg bildad fedallah',
  ship: 'deck mast masts cabin helm bow stern quarter bulwarks forecastle rigging sails',
  places: 'nantucket america england africa japan china europe london bedford atlantic pacific',
  time: 'day night morning hour minute year years days months week moment minutes hours',
  tools: 'harpoon lance line rope hammer knife spade oar oars paddle irons iron',
  animals: 'whale whales shark sharks fish horse dog elephant bird birds squid',
}
const analogies = [
  ['boat', 'boats', 'whale'],
  ['day', 'days', 'hour'],
  ['ahab', 'captain', 'starbuck'],
  ['he', 'his', 'they'],
] as const

export default {
  name: 'wordvectors',
  about: 'vectors of the words of Moby-Dick by word2vec and GloVe: neighbours, analogies, a map',
  data: 'the folder of the chapters of Moby-Dick',
  defaults: { epochs: 12, lr: 0.025 },
  quick: { epochs: 1, limit: 3000 },
  options: {
    size: { about: 'numbers of a vector', default: '64' },
    window: { about: 'words on each side that count', default: '5' },
    words: { about: 'words whose neighbours are shown', default: 'ahab,whale,sea,five,starbuck' },
  },
  expect: { skipGram: { atLeast: 0.45 }, tree: { atLeast: 0.5 }, cbow: { atLeast: 0.4 } },
  run: async (s) => {
    const { epochs, lr, seed, limit, data, own = {} } = s.options
    const chapters = mobyDick(data === undefined ? {} : { folder: data })
    let room = limit ?? Number.POSITIVE_INFINITY
    const text = chapters
      .map(({ text }) => {
        const words = splitWords(text.toLowerCase()).slice(0, Math.max(0, room))
        room -= words.length
        return words
      })
      .filter((words) => words.length > 0)
    const size = Number(own.size)
    const window = Number(own.window)
    // Few words come often in a small part of the book.
    const minCount = limit === undefined ? 5 : 1
    const common = { vectorSize: size, window, minCount, seed }
    const half = Math.max(1, Math.round(epochs / 2))
    const ways: Record<string, () => WordVectors> = {
      skipGram: () => trainWord2Vec(text, { ...common, epochs: half, lr }),
      tree: () => trainWord2Vec(text, { ...common, epochs: half, lr, hierarchicalSoftmax: true }),
      cbow: () => trainWord2Vec(text, { ...common, epochs, lr: 2 * lr, algorithm: 'cbow' }),
      glove: () => trainGlove(text, { ...common, epochs, lr: 2 * lr }),
    }

    const measures: Record<string, number> = {}
    s.say(`\n${text.reduce((n, t) => n + t.length, 0)} words of the text`)
    s.say(`${''.padEnd(10)}${'own kind nearest'.padStart(18)}${'seconds'.padStart(10)}`)
    for (const [name, train] of Object.entries(ways)) {
      const began = performance.now()
      const vectors = train()
      const seconds = (performance.now() - began) / 1000
      measures[name] = ownKind(vectors)
      s.say(
        `${name.padEnd(10)}${measures[name].toFixed(3).padStart(18)}${seconds.toFixed(1).padStart(10)}`,
      )
      s.emit({ event: 'vectors', name, share: measures[name], words: vectors.words.length })
      vectors.save(join(s.folder, name === 'glove' ? 'glove.txt' : `${name}.bin`))
      if (name !== 'tree') continue
      for (const word of own.words!.split(',').filter((w) => vectors.has(w)))
        s.say(
          `  ${word}: ${vectors
            .nearest(word, 6)
            .map((n) => n.word)
            .join(', ')}`,
        )
      for (const [a, b, c] of analogies)
        if ([a, b, c].every((w) => vectors.has(w)))
          s.say(
            `  ${a} is to ${b} as ${c} to ${vectors
              .analogy(a, b, c, 4)
              .map((n) => n.word)
              .join(', ')}`,
          )
      await s.picture('map.svg', map(vectors))
    }
    const count = Object.keys(kinds).length
    s.say(`by chance it would be ${(1 / count).toFixed(3)}`)
    return measures
  },
} satisfies Recipe

/** The words of the kinds that have vectors. */
const known = (v: WordVectors): [string, string][] =>
  Object.entries(kinds).flatMap(([kind, words]) =>
    words
      .split(' ')
      .filter((w) => v.has(w))
      .map((w): [string, string] => [w, kind]),
  )

/** The share of these words of which the nearest of all of them is of the same kind. */
function ownKind(v: WordVectors): number {
  const list = known(v)
  const right = list.filter(([word, kind]) => {
    let [best, of] = [-2, '']
    for (const [other, k] of list) {
      const near = other === word ? -2 : v.similarity(word, other)
      if (near > best) [best, of] = [near, k]
    }
    return of === kind
  })
  return right.length / Math.max(1, list.length)
}

/** Two principal components of the words of the kinds, at length 1. */
function map(v: WordVectors): string {
  const list = known(v)
  const unit = tensor(
    list.map(([word]) => {
      const row = v.get(word)
      const length = Math.hypot(...row) || 1
      return Array.from(row, (x) => x / length)
    }),
    { dtype: 'float64' },
  )
  const places = new PCA({ nComponents: 2 }).fitTransform(unit).toArray() as number[][]
  const groups = Object.keys(kinds).flatMap((kind) => {
    const own = list.flatMap(([word, k], i) => (k === kind ? [{ word, at: places[i]! }] : []))
    const group = {
      x: own.map((p) => p.at[0]!),
      y: own.map((p) => p.at[1]!),
      labels: own.map((p) => p.word),
    }
    return own.length > 0 ? [[kind, group] as const] : []
  })
  return scatterChart(Object.fromEntries(groups), {
    title: 'words of Moby-Dick, two principal components',
    x: 'first',
    y: 'second',
    width: 900,
  })
}
