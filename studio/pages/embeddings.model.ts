import { tensor } from 'nabla'
import type { Chapter, Neighbour, Word2Vec, WordVectors } from 'nabla/text'
import { loadMobyDick } from '../engine/corpus.js'
import { type Curves, record } from '../engine/curves.js'
import type { Keeps, Session, Tools } from '../engine/session.js'
import { analogy, known, mapOf, PLACES, ready, type Settings, sentences, trainer, unit } from './embeddings.program.js' // biome-ignore format: a line

type Own = Settings & { word: string; analogy: string }
export interface Frame {
  /** Words that have vectors. */
  count: number
  shown: { word: string; kind: string; at: number[] }[]
  word: string
  near: Neighbour[]
  /** Three words, the point b - a + c, and the words nearest to it. */
  analogy: { words: string[]; target: number[]; found: Neighbour[] } | undefined
  /** Analogies to try. */
  offers: readonly string[]
  /** Words that were asked for and have no vector. */
  missing: string[]
  loss: number
  progress: number
  history: Curves<'loss'>
}

/** Words of a map of a text whose kinds of words nobody knows. */
const MOST = 48

const weightsOf = (training: Word2Vec): Keeps => ({
  stateDict: () => ({
    input: tensor(training.input.slice()),
    output: tensor(training.output.slice()),
  }),
  loadStateDict(weights) {
    for (const name of ['input', 'output'] as const) {
      const data = weights[name]?.toTypedArray() as Float32Array | undefined
      if (data?.length !== training[name].length)
        throw new Error(`${name}: ${data?.length} numbers, not ${training[name].length}`)
      training[name].set(data)
    }
  },
})

export async function create(s: Own, tools: Tools): Promise<Session<Frame>> {
  let training: Word2Vec | undefined
  let trained: WordVectors | undefined
  if (s.text === 'english') trained = ready(await tools.fetch('vectors/english.txt', 'GloVe'))
  else {
    const book: Chapter[] = s.text === 'moby' ? await loadMobyDick(tools) : []
    training = trainer(
      s,
      sentences(s, () => book),
    )
  }
  const kinds: Record<string, string> = s.text === 'own' ? {} : known[s.text].kinds
  const kindOf = new Map(
    Object.entries(kinds).flatMap(([kind, list]) => list.split(' ').map((w) => [w, kind] as const)),
  )
  const all = training?.words ?? trained!.words
  const has = new Set(all)
  const listed = (kindOf.size > 0 ? [...kindOf.keys()] : all.slice(0, MOST)).filter((w) =>
    has.has(w),
  )
  // A text may know fewer than two words of the list.
  const base = listed.length > 1 ? listed : all.slice(0, MOST)
  const offers =
    s.text === 'own' ? (all.length > 3 ? [all.slice(0, 3).join(' ')] : []) : known[s.text].analogies
  const first = { moby: 'whale', world: 'king', chinese: '国王', english: 'king', own: all[0]! }[
    s.text
  ]

  let steps = 0
  let loss = Number.NaN
  let now = s
  let before: number[][] | undefined
  const history: Frame['history'] = { step: [], loss: [] }
  return {
    ...(training && {
      model: weightsOf(training),
      advance(n: number) {
        const taken = Math.ceil(training.advance(n * PLACES) / PLACES)
        steps += taken
        if (taken > 0) {
          loss = training.loss
          record(history, steps, { loss })
        }
        return taken
      },
      opened() {
        before = undefined
      },
    }),
    change({ text, own, size, window, negative, rate, epochs, seed, ...live }: Own) {
      now = { ...now, ...live }
      return true
    },
    frame() {
      const vectors = trained ?? training!.vectors
      const map = mapOf(vectors, base, before)
      before = map.places
      const asked = now.word.toLowerCase()
      const word = has.has(asked) ? asked : first
      const near = vectors.nearest(word, 8)
      const wanted = (now.analogy || offers[0] || '').toLowerCase().split(' ').filter(Boolean)
      const missing = [now.word && asked, ...(now.analogy ? wanted : [])].filter(
        (w) => w && !has.has(w),
      )
      const complete = wanted.length === 3 && wanted.every((w) => has.has(w))
      const found = complete ? analogy(vectors, wanted) : undefined
      // Beside the words of the map those that are spoken of.
      const more = new Set([
        word,
        ...near.slice(0, 4).map((n) => n.word),
        ...(found ? [...wanted, found.found[0]!.word] : []),
      ])
      for (const w of base) more.delete(w)
      const places = map.at([
        ...[...more].map((w) => unit(vectors.get(w))),
        ...(found ? [found.target] : []),
      ])
      const point = (w: string, at: number[]) => ({ word: w, kind: kindOf.get(w) ?? '', at })
      return {
        count: all.length,
        shown: [
          ...base.map((w, i) => point(w, map.places[i]!)),
          ...[...more].map((w, i) => point(w, places[i]!)),
        ],
        word,
        near,
        analogy: found && { words: wanted, target: places.at(-1)!, found: found.found },
        offers,
        missing,
        loss,
        progress: training?.progress ?? 1,
        history,
      }
    },
  }
}
