// One of the two that llama.mjs compares, a process of its own: `node llama_side.mjs llama FOLDER MODEL.gguf THREADS` or
// `node llama_side.mjs nabla LAYERS BITS`. A line of JSON each way, as sides.mjs asks.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const [kind, ...args] = process.argv.slice(2)
const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)

/** Milliseconds: of the clock, and of the processor by all threads of this process. */
const now = () => {
  const { user, system } = process.cpuUsage()
  return { wall: performance.now(), cpu: (user + system) / 1000 }
}

/** Tokens by llama.cpp: a function of the prompt and how many to add. */
async function llama(folder, modelPath, threads) {
  const { getLlama } = await import(pathToFileURL(join(folder, 'node_modules/node-llama-cpp/dist/index.js')).href) // biome-ignore format: a line
  const engine = await getLlama({ gpu: false, build: 'never', logLevel: 'error', progressLogs: false, maxThreads: Number(threads) }) // biome-ignore format: a line
  const model = await engine.loadModel({ modelPath })
  const context = await model.createContext({ contextSize: 1024, batchSize: 512, threads: Number(threads) }) // biome-ignore format: a line
  const sequence = context.getSequence()
  return async (prompt, count) => {
    await sequence.clearHistory()
    const tokens = []
    const times = []
    for await (const token of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
      times.push(now())
      tokens.push(Number(token))
      if (tokens.length >= count) break
    }
    return { tokens, times }
  }
}

async function nabla(layers, bits) {
  const { manualSeed } = await import('nabla')
  const { GPT2, stream } = await import('nabla/models')
  const { quantize } = await import('nabla/nn')
  manualSeed(5)
  const model = new GPT2({ nLayer: Number(layers) }).eval()
  // Positions stay as they are in both.
  const how = {
    embeddings: true,
    skip: (path) => path.endsWith('wpe'),
    ...(bits < 16 && { groupSize: 32 }),
  }
  if (bits < 32) quantize(model, { bits: Number(bits), ...how })
  return async (prompt, count) => {
    const tokens = []
    const times = []
    for await (const token of stream(model, prompt, { maxNewTokens: count })) {
      times.push(now())
      tokens.push(token)
    }
    return { tokens, times }
  }
}

const run = await { llama, nabla }[kind](...args)
/** On Linux the peak is that of what follows: loading and quantizing is not measured. What they took goes back to the system first. */
const forget = async () => {
  globalThis.gc?.()
  await new Promise((resolve) => setTimeout(resolve, 1100))
  if (kind === 'nabla') {
    // It is given back where a program is made, and once in a second at most.
    const { compile, tensor } = await import('nabla')
    compile((x) => x.mul(2))(tensor([1])).dispose()
  }
  try {
    writeFileSync('/proc/self/clear_refs', '5')
  } catch {}
}
const peak = () => {
  try {
    return Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024
  } catch {
    return process.resourceUsage().maxRSS / 1024
  }
}
for await (const line of createInterface({ input: process.stdin })) {
  const { prompt, count, reset, prompts } = JSON.parse(line)
  try {
    if (reset) await forget()
    if (prompts) {
      const next = []
      for (const p of prompts) next.push((await run(p, 1)).tokens[0])
      answer({ next })
      continue
    }
    const start = now()
    const { tokens, times } = await run(prompt, count)
    const between = (a, b) => ({ wall: b.wall - a.wall, cpu: b.cpu - a.cpu })
    const rest = between(times[0], times.at(-1))
    const each = { wall: rest.wall / (count - 1), cpu: rest.cpu / (count - 1) }
    answer({ tokens, first: between(start, times[0]), each, mb: peak() })
  } catch (error) {
    answer({ error: error.stack })
  }
}
process.exit()
