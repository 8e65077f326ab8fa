// The run of `nabla train translate` beside PyTorch's of the same model, pairs, batches, steps and schedule: BLEU on the same verses and
// the curve of losses. `npx nabla train translate --out RUN && node bench/translation.mjs RUN`. PyTorch takes as many threads as the run had,
// and with two half an hour; `--epochs 3` of the run shortens both. It may begin while the run goes on.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { corpusBleu, Tokenizer } from 'nabla/text'
import {
  batchesOf,
  encodePairs,
  HELD,
  readTexts,
  split,
  TRANSLATED,
} from '../dist/examples/translate.js'
import { python, torchEnvironment } from './sides.mjs'

const run = process.argv[2]
if (!run)
  throw new Error(
    'usage: node bench/translation.mjs RUN, a folder that `nabla train translate` wrote',
  )
const events = () =>
  readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n').map(JSON.parse)
const { seed, epochs, batchSize, lr, own, limit, data, backend } = events()[0]
if (limit !== undefined)
  throw new Error('a run with --limit has too few texts to test on; shorten it by --epochs')
if (own.network !== undefined && own.network !== 'transformer')
  throw new Error('PyTorch trains the Transformer alone')
const [from, to] = ['source.json', 'target.json'].map((file) =>
  Tokenizer.fromJSON(readFileSync(join(run, file), 'utf8')),
)
const parts = split(await readTexts(data, own.to))
const length = Number(own.length)
const encoded = (pairs) => encodePairs(pairs, from, to, length)
const train = encoded(parts.known)
const test = encoded(parts.held.slice(0, HELD))
const sampler = batchesOf(train, batchSize, true, seed)
const numbers = (pairs) => pairs.map((pair) => pair.map((ids) => Array.from(ids)))
const folder = mkdtempSync(join(tmpdir(), 'nabla-translation-'))
try {
  writeFileSync(
    join(folder, 'work.json'),
    JSON.stringify({
      train: numbers(train),
      test: numbers(test),
      order: Array.from({ length: epochs }, (_, epoch) =>
        sampler.batches(epoch).map((b) => Array.from(b)),
      ),
      checks: batchesOf(test, batchSize, false, seed)
        .batches(0)
        .map((b) => Array.from(b)),
      translated: TRANSLATED,
      sizes: [from.getVocabSize(), to.getVocabSize()],
      width: Number(own.width),
      layers: Number(own.layers),
      length,
      lr,
    }),
  )
  const script = fileURLToPath(new URL('translation.py', import.meta.url))
  const { status } = spawnSync(python, [script, folder], {
    env: torchEnvironment(backend.threads),
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(1)
  const { losses, said } = JSON.parse(readFileSync(join(folder, 'done.json'), 'utf8'))
  const mine = events().filter(({ event }) => event === 'epoch')
  const end = events().at(-1)
  if (end.event !== 'end') throw new Error(`the run in ${run} has not ended`)
  for (let i = 0; i < epochs; i++) {
    const [loss, check] = losses[i]
    const apart = (a, b) => `${(100 * (a / b - 1)).toFixed(1)} %`
    console.log(
      `epoch ${i + 1}: loss ${mine[i].loss.toFixed(3)} / ${loss.toFixed(3)} (${apart(mine[i].loss, loss)}), on the verses kept apart ${mine[i].valLoss.toFixed(3)} / ${check.toFixed(3)} (${apart(mine[i].valLoss, check)})`,
    )
  }
  const truth = test.slice(0, TRANSLATED).map(([, b]) => to.decode(b))
  const theirs = corpusBleu(
    said.map((ids) => to.decode(Int32Array.from(ids))),
    truth,
  ).score

  console.log(`BLEU of PyTorch ${theirs.toFixed(2)}; of nabla ${end.bleu.toFixed(2)}`)
} finally {
  rmSync(folder, { recursive: true })
}
