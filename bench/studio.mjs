// The playground of nabla studio, by WebAssembly with one thread.
// `node bench/studio.mjs`: steps a second, many in one call as its worker takes them; with `--against nn.js` beside TensorFlow
// Playground's own code (tensorflow/playground, src/nn.ts, as JavaScript), in turn on the same points; with `--browser` both in a
// worker of a page in Chromium instead of Node. `--rounds N`: of each the best of N.
// `node bench/studio.mjs --frames`: pictures and steps a second of the page itself while it trains, and its longest wait.
import { spawn } from 'node:child_process'
import { dirname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { importMap, inChromium, servePage } from './pageServer.mjs'
import { compare } from './studio_work.mjs'

const { values } = parseArgs({
  options: {
    against: { type: 'string' },
    browser: { type: 'boolean', default: false },
    frames: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '15' },
  },
})
const rounds = Number(values.rounds)
const file = values.against && resolve(values.against)

if (values.frames) await frames()
else if (values.browser) {
  const places = file ? { '/theirs/': dirname(file) } : {}
  const server = await servePage(`<!doctype html>${importMap}`, places)
  try {
    const lines = await inChromium(server.url, (tab) =>
      tab.evaluate(
        async ([other, rounds]) => {
          const code = `const { compare } = await import('${location.origin}/bench/studio_work.mjs')
            const other = ${other ? `await import('${location.origin}${other}')` : 'undefined'}
            postMessage(await compare(other, ${rounds}))`
          const place = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }))
          const worker = new Worker(place, { type: 'module' })
          return new Promise((done, failed) => {
            worker.onmessage = ({ data }) => done(data)
            worker.onerror = (e) => failed(new Error(e.message))
          })
        },
        [file && `/theirs/${file.slice(dirname(file).length + 1)}`, rounds],
      ),
    )
    for (const line of lines) console.log(line)
  } finally {
    server.close()
  }
} else {
  const other = file ? await import(pathToFileURL(file).href) : undefined
  for (const line of await compare(other, rounds)) console.log(line)
}

/** What a user sees: frames a second while the page trains as fast as it can. */
async function frames() {
  const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
  const server = spawn(process.execPath, [main, 'studio', '--port', '0', '--no-open'])
  const url = await new Promise((done) =>
    server.stdout.on('data', (text) => {
      const found = /http:\S+/.exec(text)
      if (found) done(found[0])
    }),
  )
  try {
    for (const [layers, batch] of [
      [[4, 2], 10],
      [[8, 8, 8], 10],
      [[8, 8, 8, 8, 8, 8], 30],
    ]) {
      // biome-ignore format: a table
      const link = `#/en/playground?layers=${JSON.stringify(layers)}&batch=${batch}`
      const seen = await inChromium(`${url}${link}`, async (tab) => {
        await tab.waitForSelector('.picture[aria-busy=false]')
        await tab.evaluate(() => globalThis.studio.run.play(true))
        await tab.waitForTimeout(2000)
        return tab.evaluate(async (seconds) => {
          const { run } = globalThis.studio
          const [start, steps] = [performance.now(), run.steps.value]
          let [frames, drawn, last, longest, frame] = [0, 0, start, 0, run.frame.value]
          while (last - start < seconds * 1000) {
            const now = await new Promise((done) => requestAnimationFrame(done))
            frames++
            if (run.frame.value !== frame) drawn++
            frame = run.frame.value
            longest = Math.max(longest, now - last)
            last = now
          }
          const took = (last - start) / 1000
          return {
            frames: frames / took,
            drawn: drawn / took,
            longest,
            steps: (run.steps.value - steps) / took,
          }
        }, 5)
      })
      console.log(
        `2-${layers.join('-')}-1, batch ${batch}: ${seen.frames.toFixed(1)} frames a second, ${seen.drawn.toFixed(1)} of them new pictures, the longest wait ${seen.longest.toFixed(0)} ms; ${Math.round(seen.steps).toLocaleString('en')} steps a second`,
      )
    }
  } finally {
    server.kill()
  }
}
