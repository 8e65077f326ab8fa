// Files of the repository for a page in Chromium: pages find `nabla` by an import map, workers by names that are written out.
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { findChromium } from '../scripts/chromium.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const types = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' } // biome-ignore format: a table

/** `nabla` and its entries, as what pages load for them. */
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const imports = Object.fromEntries(
  Object.entries(exports)
    .filter(([, { browser }]) => browser)
    .map(([name, { browser }]) => [name.replace('.', 'nabla'), browser.replace('./', '/')]),
)
export const importMap = `<script type="importmap">${JSON.stringify({ imports })}</script>`
const written = (code) =>
  code.replace(/(from |import |import\()'(nabla[\w/]*)'/g, (all, before, name) =>
    imports[name] ? `${before}'${imports[name]}'` : all,
  )

/** `html` at `/`; each path that begins with a key of `places` is a file of that folder, all others of the repository. */
export function servePage(html, places = {}) {
  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://localhost').pathname
    if (path === '/') return response.setHeader('content-type', 'text/html').end(html)
    const prefix = Object.keys(places).find((p) => path.startsWith(p))
    const file = prefix ? join(places[prefix], path.slice(prefix.length)) : join(root, path)
    if (!existsSync(file)) return response.writeHead(404).end()
    response.setHeader('content-type', types[extname(file)] ?? 'application/octet-stream')
    const bytes = readFileSync(file)
    const program = prefix === undefined && /^\/(studio|bench)\/.*\.m?js$/.test(path)
    return response.end(program ? written(bytes.toString()) : bytes)
  })
  return new Promise((done) =>
    server.listen(0, '127.0.0.1', () =>
      done({ url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() }),
    ),
  )
}

/** A page of Debian's Chromium; `work` gets its tab. */
export async function inChromium(url, work) {
  const executablePath = findChromium()
  if (!executablePath) throw new Error('chromium must be on PATH')
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  try {
    const tab = await browser.newPage()
    tab.on('pageerror', (e) => console.error(e.message))
    await tab.goto(url)
    return await work(tab, browser)
  } finally {
    await browser.close()
  }
}
