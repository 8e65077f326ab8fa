/** Debian's Chromium, headless, and a server for its pages. */
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { type Browser, chromium } from 'playwright-core'
import { findChromium } from '../../scripts/chromium.mjs'

export const root = fileURLToPath(new URL('../..', import.meta.url))
/** The browser, wherever it is on PATH. */
export const executablePath = findChromium()
/** Without a browser these tests are skipped, unless everything must be there. */
export const without = !executablePath && process.env.NABLA_TEST_REQUIRE_ALL !== '1'

/** `args`: switches besides those of all tests. */
export const launch = (args: readonly string[] = []): Promise<Browser> => {
  if (!executablePath) throw new Error('chromium must be on PATH')
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      // Nothing but this page: no look-ups, no updates, no reports.
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-default-apps',
      '--disable-domain-reliability',
      '--disable-sync',
      '--metrics-recording-only',
      '--no-first-run',
      '--no-pings',
      ...args,
    ],
  })
}

const types: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
}

export interface Served {
  url: string
  /** Bytes of each file served, gzipped. */
  sizes: Map<string, number>
  close: () => void
}

/** Serves texts by their paths, and the files of a folder. */
export async function serve(
  folder: string,
  texts: Record<string, string> = {},
  headers: (path: string) => Record<string, string> = () => ({}),
): Promise<Served> {
  const sizes = new Map<string, number>()
  const server: Server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url!, 'http://localhost').pathname)
    for (const [name, value] of Object.entries(headers(path))) response.setHeader(name, value)
    const type = types[extname(path) || '.html'] ?? 'application/octet-stream'
    const file = join(folder, path)
    if (texts[path] === undefined && (path.includes('..') || !extname(path) || !existsSync(file)))
      return response.writeHead(404).end(`no ${path}`)
    const body = texts[path] ?? readFileSync(file)
    sizes.set(path, gzipSync(body).length)
    return response.setHeader('content-type', type).end(body)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, sizes, close: () => server.close() }
}

/** The names of package.json's exports and what a page loads for each, as an import map. */
export function importMap(): string {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, { browser?: string }>
  }
  const imports: Record<string, string> = {}
  for (const [name, { browser }] of Object.entries(exports))
    if (browser) imports[name.replace('.', 'nabla')] = browser.replace('./', '/')
  return `<script type="importmap">${JSON.stringify({ imports })}</script>`
}
