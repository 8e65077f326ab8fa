// Opens every page of the built site in Chromium, in both languages: nothing may be missing, nothing may fail, and each page has
// its title in its language. `--pictures FOLDER` keeps a screenshot of each.
import { createReadStream, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { dirname, extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { findChromium } from '../../scripts/chromium.mjs'
import { course, guide, reference } from '../.vitepress/pages.mjs'

const docs = dirname(dirname(fileURLToPath(import.meta.url)))
const dist = join(docs, '.vitepress', 'dist')
const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
}

/** The built site as a server of static files would give it. */
function serve() {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname))
    const file = [path, `${path}.html`, `${path}/index.html`]
      .map((p) => join(dist, p))
      .find((f) => f.startsWith(dist) && existsSync(f) && statSync(f).isFile())
    if (!file) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream' })
    createReadStream(file).pipe(response)
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

export async function visit({ pictures, pages: only } = {}) {
  const server = await serve()
  const origin = `http://127.0.0.1:${server.address().port}`
  const browser = await chromium.launch({
    executablePath: findChromium(),
    args: ['--no-sandbox'],
  })
  const faults = []
  let visited = 0
  try {
    const tab = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    let here = ''
    tab.on('console', (m) => m.type() === 'error' && faults.push(`${here}: ${m.text()}`))
    tab.on('pageerror', (e) => faults.push(`${here}: ${e.message}`))
    tab.on('response', (r) => r.status() >= 400 && faults.push(`${here}: ${r.status()} ${r.url()}`))
    const list = [
      ['', 'nabla', 'nabla'],
      ...guide.map(([f, en, zh]) => [`guide/${f}`, en, zh]),
      ...course.map(([f, en, zh]) => [`course/${f}`, en, zh]),
      ...reference.map(([f, en, zh]) => [`reference/${f}`, en, zh]),
    ].filter(([f]) => !only || only.includes(f))
    for (const [file, en, zh] of list)
      for (const lang of ['en', 'zh']) {
        here = `/${lang === 'zh' ? 'zh/' : ''}${file}`
        await tab.goto(origin + here, { waitUntil: 'load' })
        const seen = await tab.evaluate(() => ({
          lang: document.documentElement.lang,
          title: document.querySelector('h1')?.textContent ?? '',
          broken: [...document.images]
            .filter((i) => i.complete && i.naturalWidth === 0)
            .map((i) => i.src),
          formulas: document.querySelectorAll('mjx-container').length,
          raw: /\$\$|<<< @/.test(
            document.querySelector('main')?.textContent ?? document.body.textContent,
          ),
        }))
        const title = lang === 'zh' ? zh : en
        if (!seen.title.includes(title))
          faults.push(`${here}: the title is "${seen.title}", not "${title}"`)
        if (seen.lang !== (lang === 'zh' ? 'zh-CN' : 'en'))
          faults.push(`${here}: language ${seen.lang}`)
        for (const src of seen.broken) faults.push(`${here}: no picture at ${src}`)
        if (seen.raw) faults.push(`${here}: source text that was not rendered`)
        const source = file && join(docs, lang === 'zh' ? 'zh' : '', `${file}.md`)
        if (source && /^\$\$/m.test(readFileSync(source, 'utf8')) && seen.formulas === 0)
          faults.push(`${here}: formulas are not drawn`)
        if (pictures) {
          mkdirSync(pictures, { recursive: true })
          await tab.screenshot({
            path: join(pictures, `${here.slice(1).replaceAll('/', '-') || 'home'}.png`),
            fullPage: true,
          })
        }
        visited++
      }
    // The studio, as static files beside the pages: without isolation, with one thread.
    for (const lang of ['en', 'zh']) {
      here = `/studio/index.html#/${lang}/neuron`
      await tab.goto('about:blank')
      await tab.goto(origin + here)
      const works = await tab
        .waitForSelector('.picture[aria-busy=false]', { timeout: 30_000 })
        .catch(() => undefined)
      if (!works) faults.push(`${here}: the page does not compute`)
      visited++
    }
  } finally {
    await browser.close()
    server.close()
  }
  return { visited, faults }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const at = process.argv.indexOf('--pictures')
  const { visited, faults } = await visit(at > 0 ? { pictures: process.argv[at + 1] } : {})
  for (const f of faults) console.error(f)
  console.log(`${visited} pages opened, ${faults.length} faults`)
  process.exitCode = faults.length > 0 ? 1 : 0
}
