// `node bench/llama.mjs`: a model of GPT-2's small size with random weights in nabla and in llama.cpp, the same weights as GGUF:
// tokens a second of one sequence, milliseconds of a prompt of 512 tokens, peak memory meanwhile, and whether both write the
// same text greedily. llama.cpp is the prebuilt one of npm's node-llama-cpp, in a folder of its own; no script of it runs.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ggufTypes, writeGguf } from './gguf.mjs'
import { Side } from './sides.mjs'

const VERSION = '3.22.1'
const { values } = parseArgs({
  options: {
    types: { type: 'string', default: ggufTypes.join(',') },
    threads: { type: 'string', default: '1,2' },
    layers: { type: 'string', default: '12' },
    rounds: { type: 'string', default: '3' },
    tokens: { type: 'string', default: '48' },
    folder: { type: 'string', default: join(tmpdir(), 'nabla-bench-llama') },
    // cpu: where others work on the same machine.
    clock: { type: 'string', default: 'wall' },
    keep: { type: 'boolean', default: false },
  },
})
const { folder } = values
/**
 * What nabla has for each type, the goals (tokens at batch 1, a prompt), and how many of the tokens after 24 prompts must agree. The
 * most probable tokens of random weights lie close: one of twenty changes when llama.cpp rounds rows to 8 bits, more when
 * both round weights to 4 bits by rules of their own. By chance one of 50,257 would agree.
 */
const pairs = {
  F32: { bits: 32, goals: [1, 1], agree: 1 },
  F16: { bits: 16, goals: [undefined, 1], agree: 0.8 },
  Q8_0: { bits: 8, goals: [0.9, 0.8], agree: 0.8 },
  Q4_0: { bits: 4, goals: [0.9, 0.8], agree: 0.3 },
}

mkdirSync(folder, { recursive: true })
if (!existsSync(join(folder, 'node_modules/node-llama-cpp'))) {
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const system = { linux: 'linux', darwin: 'mac', win32: 'win' }[process.platform]
  const binary = `@node-llama-cpp/${system}-${process.arch}${system === 'mac' && process.arch === 'arm64' ? '-metal' : ''}`
  const { status, stderr } = spawnSync(
    'npm',
    ['install', `node-llama-cpp@${VERSION}`, `${binary}@${VERSION}`, '--save-exact', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund'], // biome-ignore format: a line
    { cwd: folder, encoding: 'utf8', shell: process.platform === 'win32' },
  )
  if (status !== 0) throw new Error(stderr)
}

// The model is written by a process of its own, whose memory goes with it.
const file = (type) => join(folder, `gpt2-${values.layers}-${type}.gguf`)
if (process.env.NABLA_BENCH_WRITE) {
  const { manualSeed } = await import('nabla')
  const { GPT2 } = await import('nabla/models')
  manualSeed(5)
  const model = new GPT2({ nLayer: Number(values.layers) })
  for (const type of values.types.split(',')) if (!existsSync(file(type))) writeGguf(file(type), model, type) // biome-ignore format: a line
  process.exit()
}
const { status } = spawnSync(process.execPath, process.argv.slice(1), { stdio: 'inherit', env: { ...process.env, NABLA_BENCH_WRITE: '1' } }) // biome-ignore format: a line
if (status !== 0) process.exit(1)

const side = import.meta.dirname ? join(import.meta.dirname, 'llama_side.mjs') : 'llama_side.mjs'
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]
const prompt = Array.from({ length: 512 }, (_, i) => (i * 7919 + 13) % 50000)
const [rounds, count] = [Number(values.rounds), Number(values.tokens)]
for (const threads of values.threads.split(','))
  for (const type of values.types.split(',')) {
    const { bits, goals, agree } = pairs[type]
    const env = { ...process.env, NABLA_THREADS: threads }
    const own = (...args) => new Side([[process.execPath, '--expose-gc', side, ...args], env])
    const [ours, theirs] = [own('nabla', values.layers, `${bits}`), own('llama', folder, file(type), threads)] // biome-ignore format: a line
    const prompts = Array.from({ length: 24 }, (_, i) => prompt.slice(i, 2 * i + 1))
    const next = []
    for (const s of [theirs, ours]) next.push((await s.ask({ prompts })).next)
    const same = next[0].filter((t, i) => t === next[1][i]).length / prompts.length
    const rows = { ours: [], theirs: [] }
    for (let i = -1; i < rounds; i++)
      for (const [key, s] of [
        ['theirs', theirs],
        ['ours', ours],
      ]) {
        // biome-ignore format: a line
        const long = await s.ask({ prompt, count: 1, reset: i < 0 })
        const short = await s.ask({ prompt: prompt.slice(0, 16), count })
        if (i >= 0) rows[key].push({ prompt: long.first[values.clock], each: short.each[values.clock], mb: short.mb }) // biome-ignore format: a line
      }
    ours.end()
    theirs.end()
    const of = (key, name) => median(rows[key].map((r) => r[name]))
    const speed = of('theirs', 'each') / of('ours', 'each')
    const reading = of('theirs', 'prompt') / of('ours', 'prompt')
    const mb = [of('ours', 'mb'), of('theirs', 'mb')]
    console.log(
      JSON.stringify({
        case: `llama.cpp ${type}`,
        threads: Number(threads),
        nabla_tokens: Number((1000 / of('ours', 'each')).toPrecision(4)),
        llama_tokens: Number((1000 / of('theirs', 'each')).toPrecision(4)),
        ratio: Number(speed.toPrecision(3)),
        nabla_prompt_ms: Number(of('ours', 'prompt').toPrecision(4)),
        llama_prompt_ms: Number(of('theirs', 'prompt').toPrecision(4)),
        prompt_ratio: Number(reading.toPrecision(3)),
        nabla_mb: Math.round(mb[0]),
        llama_mb: Math.round(mb[1]),
        same_tokens: Number(same.toPrecision(2)),
        // A comparison with a model that writes something else says nothing.
        reached:
          same >= agree &&
          (!goals[0] || speed >= goals[0]) &&
          reading >= goals[1] &&
          mb[0] <= mb[1],
      }),
    )
  }
if (!values.keep) rmSync(folder, { recursive: true, force: true })
