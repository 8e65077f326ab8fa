/** The numbers of sacreBLEU's own tests, and of its documentation. */
import { tensor, zeros } from 'nabla'
import {
  corpusBleu,
  corpusChrf,
  editDistance,
  Perplexity,
  perplexity,
  rouge,
  sentenceBleu,
  sentenceChrf,
} from 'nabla/text'
import { describe, expect, test } from 'vitest'

const hypotheses = ['The dog bit the man.', "It wasn't surprising.", 'The man had just bitten him.']
const references = [
  ['The dog bit the man.', 'The dog had bit the man.'],
  ['It was not unexpected.', 'No one was surprised.'],
  ['The man bit him first.', 'The man had bitten the dog.'],
]
describe('BLEU of a corpus', () => {
  test.each([
    [{}, 48.530827],
    [{ tokenize: '13a' }, 48.530827],
    [{ tokenize: 'none' }, 49.1919566],
    [{ tokenize: 'intl' }, 43.91623493],
    [{ smoothMethod: 'none' }, 48.530827],
  ] as const)('%j', (options, want) => {
    expect(corpusBleu(hypotheses, references, options).score).toBeCloseTo(want, 6)
  })
  test('as it is printed', () => {
    expect(`${corpusBleu(hypotheses, references)}`).toBe(
      'BLEU = 48.53 82.4/50.0/45.5/37.5 (BP = 0.943 ratio = 0.944 hyp_len = 17 ref_len = 18)',
    )
  })
  test('nothing said gives 0', () => {
    expect(corpusBleu(['', '', ''], references).score).toBe(0)
  })
  test('smoothing of texts that are split', () => {
    const raw = {
      tokenize: 'none',
      smoothMethod: 'floor',
      smoothValue: 0.01,
      effectiveOrder: true,
    } as const
    const of = (h: string[], r: string[]) => corpusBleu(h, r, raw).score / 100
    expect(of(['this is a test', 'another test'], ['ref1', 'ref2'])).toBe(0)
    expect(of(['this is a fest'], ['this is a test'])).toBeCloseTo(0.223606797749979, 8)
    expect(of(['test'], ['a test'])).toBeCloseTo(0.3678794411714425, 8)
    expect(of(['a little test'], ['a test'])).toBeCloseTo(0.03218297948685433, 8)
  })
  test('counts', () => {
    const s = corpusBleu(['am I am a character sequence'], ['I am a symbol string sequence a a'], {
      tokenize: 'none',
    })
    expect([s.counts, s.totals]).toEqual([
      [4, 2, 1, 0],
      [6, 5, 4, 3],
    ])
  })
  test('lists of different lengths are refused', () => {
    expect(() => corpusBleu(['a'], [])).toThrow(/\[corpusBleu\] there must be a reference/)
    expect(() => corpusBleu(['a'], [[]])).toThrow(
      /each hypothesis must have a reference; got none at 0/,
    )
  })
})

describe('BLEU of a sentence', () => {
  const hypothesis = 'Producția de zahăr primă va fi exprimată în ceea ce privește zahărul alb;'
  const reference = 'producţia de zahăr brut se exprimă în zahăr alb;'
  test.each([
    [{ smoothMethod: 'exp' }, 8.493],
    [{ smoothMethod: 'none' }, 0],
    [{ smoothMethod: 'floor' }, 4.51688],
    [{ smoothMethod: 'floor', smoothValue: 0.5 }, 10.1],
    [{ smoothMethod: 'add-k' }, 14.882],
    [{ smoothMethod: 'add-k', smoothValue: 2 }, 21.389],
    [{ tokenize: 'none' }, 7.347],
    [{ tokenize: 'intl' }, 8.493],
    [{ tokenize: 'char' }, 40.8759],
    [{ tokenize: 'char', lowercase: true }, 42.0267],
  ] as const)('%j', (options, want) => {
    expect(Math.abs(sentenceBleu(hypothesis, reference, options).score - want)).toBeLessThan(1e-3)
  })
  test('Chinese by characters', () => {
    // 我 们 在 家 。: four of five words, three of four pairs, two of three triples, one of two quadruples.
    const s = sentenceBleu('我们在家。', '他们在家。', { tokenize: 'zh' })
    expect(s.counts).toEqual([4, 3, 2, 1])
    expect(s.totals).toEqual([5, 4, 3, 2])
    expect(s.score).toBeCloseTo(100 * (0.8 * 0.75 * (2 / 3) * 0.5) ** 0.25, 10)
    expect(sentenceBleu('GPT-4很好', 'GPT-4很好', { tokenize: 'zh' }).systemLength).toBe(3)
  })
})

describe('chrF', () => {
  test.each([
    ['abcdefg', 'hijklmnop', 0],
    ['', 'reference', 0],
    ['aa', 'ab', 8.3333],
    ['a', 'a', 16.6667],
    ['a b c', 'abc', 50],
    [
      ' risk assessment must be made of those who are qualified and expertise in the sector - these are the scientists .',
      'risk assessment has to be undertaken by those who are qualified and expert in that area - that is the scientists .',
      63.36173,
    ],
    [
      ' Die    Beziehung zwischen  Obama und Netanjahu ist nicht gerade  freundlich. ',
      'Das Verhältnis zwischen Obama und Netanyahu ist nicht gerade freundschaftlich.',
      64.1302698,
    ],
  ])('as the authors count: %s', (h, r, want) => {
    expect(Math.abs(corpusChrf([h], [r], { beta: 3, epsSmoothing: true }) - want)).toBeLessThan(
      1e-4,
    )
  })
  test.each([
    [['a'], ['a'], 100],
    [['a b c'], ['abc'], 100],
    [[''], ['c'], 0],
    [['a', 'b'], ['a', 'c'], 50],
    [['aa'], ['ab'], 25],
  ])('%j', (h, r, want) => {
    expect(corpusChrf(h, r, { beta: 3 })).toBeCloseTo(want, 4)
  })
  test('with white space', () => {
    const h = 'Die Beziehung zwischen Obama und Netanjahu ist nicht gerade freundlich.'
    const r = 'Das Verhältnis zwischen Obama und Netanyahu ist nicht gerade freundschaftlich.'
    expect(corpusChrf([h], [r], { beta: 3, whitespace: true })).toBeCloseTo(67.3481606, 4)
  })
  test('of a sentence', () => {
    const h = 'Co nás nejvíc trápí, protože lékaři si vybírají, kdo bude žít a kdo zemře.'
    const r = 'Nejvíce smutní jsme z toho, že musíme rozhodovat o tom, kdo bude žít a kdo zemře.'
    expect(sentenceChrf(h, r, { epsSmoothing: true })).toBeCloseTo(39.14078509, 6)
  })
  test('of the documentation', () => {
    expect(corpusChrf(hypotheses, references)).toBeCloseTo(59.73, 2)
  })
  test('chrF++ counts words, marks by themselves', () => {
    // Characters match wholly; of words one of two, and no pair.
    const score = corpusChrf(['ab c'], ['a bc'], { wordOrder: 2, charOrder: 1, beta: 1 })
    expect(score).toBeCloseTo(100 / 3, 10)
    expect(corpusChrf(['yes.'], ['yes .'], { wordOrder: 2 })).toBe(100)
  })
})

describe('ROUGE', () => {
  test("Lin's example: police killed the gunman", () => {
    const r = 'police killed the gunman'
    expect(rouge(['police kill the gunman'], [r]).rougeL.f).toBeCloseTo(0.75, 10)
    expect(rouge(['the gunman kill police'], [r]).rougeL.f).toBeCloseTo(0.5, 10)
    expect(rouge(['the gunman police killed'], [r]).rougeL.f).toBeCloseTo(0.5, 10)
  })
  test('precision, recall and F', () => {
    const s = rouge(['The cat was found under the bed'], ['the cat was under the bed'])
    expect(s.rouge1.recall).toBe(1)
    expect(s.rouge1.precision).toBeCloseTo(6 / 7, 10)
    expect(s.rouge2.recall).toBeCloseTo(4 / 5, 10)
    expect(s.rouge2.precision).toBeCloseTo(4 / 6, 10)
    expect(rouge(['我们'], ['我们好'], { tokenize: (t) => [...t] }).rouge1.recall).toBeCloseTo(
      2 / 3,
      10,
    )
    expect(rouge([''], ['a']).rouge2.f).toBe(0)
  })
})

test('the edits between two texts, of letters and of words', () => {
  expect(editDistance('whale', 'hwael')).toBe(2)
  expect(editDistance(['the', 'cat'], ['the', 'black', 'cat', 'sat'])).toBe(2)
  // A letter is moved once: the restricted distance, 3 where the free one is 2.
  expect(editDistance('ca', 'abc')).toBe(3)
})

test('perplexity', () => {
  expect(
    perplexity(
      zeros([2, 3, 4]),
      tensor([
        [1, -100, 3],
        [0, 2, 1],
      ]),
    ),
  ).toBeCloseTo(4, 5)
  const p = new Perplexity()
  expect(p.value).toBeNaN()
  p.update(Math.log(2) * 3, 3)
  p.update(Math.log(8), 1)
  expect(p.value).toBeCloseTo(2 ** 1.5, 10)
  expect(p.bitsPer(6)).toBeCloseTo(1, 10)
})
