// Tokenizers on 10 MB of English, in a process of their own: `node texts_side.mjs KIND THREADS`. Encoding takes turns with the
// Rust library of Hugging Face from Node (the package `tokenizers`), which reads the same tokenizer.json.
import { brownCorpus, mobyDick, trainBpe, trainWordLevel } from 'nabla/text'

const MB = 2 ** 20
/** Paragraphs: the Brown corpus and Moby-Dick, again and again until it is enough. */
function paragraphs(bytes) {
  const lines = brownCorpus().map((s) => s.words.join(' '))
  const own = []
  for (let i = 0; i < lines.length; i += 8) own.push(lines.slice(i, i + 8).join(' '))
  own.push(...mobyDick().flatMap((c) => c.text.split('\n').filter(Boolean)))
  const list = []
  for (let n = 0, i = 0; n < bytes; i++) {
    const text = own[i % own.length]
    list.push(text)
    n += Buffer.byteLength(text) + 1
  }
  return list
}
const timed = async (f) => {
  const start = performance.now()
  const result = await f()
  return { ms: performance.now() - start, result }
}
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1]

const [kind, rounds] = [process.argv[2], Number(process.argv[3] ?? 3)]
const texts = paragraphs(10 * MB)
const own = []
const other = []
if (kind === 'words')
  for (let i = 0; i < rounds; i++) own.push((await timed(() => trainWordLevel(texts))).ms) // biome-ignore format: a line
else if (kind === 'bpe')
  for (let i = 0; i < rounds; i++)
    own.push((await timed(() => trainBpe(texts, { vocabSize: 8000 }))).ms)
else {
  const { Tokenizer: Rust } = await import('tokenizers')
  const tokenizer = trainBpe(texts.slice(0, 2000), { vocabSize: 8000 })
  const rust = Rust.fromString(tokenizer.toJSONString())
  for (let i = -1; i < rounds; i++) {
    const theirs = await timed(async () => {
      let n = 0
      for (const e of await rust.encodeBatch(texts)) n += e.getIds().length
      return n
    })
    const ours = await timed(() => {
      let n = 0
      for (const t of texts) n += tokenizer.encode(t).ids.length
      return n
    })
    if (ours.result !== theirs.result)
      throw new Error(`${ours.result} tokens, the Rust library has ${theirs.result}`)
    if (i < 0) continue
    own.push(ours.ms)
    other.push(theirs.ms)
  }
}
process.stdout.write(`${JSON.stringify({ ms: median(own), other: median(other) })}\n`)
