/** A page in headless Chromium imports the built package, trains on the wasm backend, and gets Node's losses. */
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { delimiter, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import * as nabla from 'nabla'
import * as models from 'nabla/models'
import * as nn from 'nabla/nn'
import * as optim from 'nabla/optim'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { digits, STEPS, twentySteps } from './steps.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** Debian's browser, wherever it is on PATH. */
const executablePath = (process.env.PATH ?? '')
  .split(delimiter)
  .flatMap((folder) => ['chromium', 'chromium-browser'].map((name) => join(folder, name)))
  .find((file) => existsSync(file))
const required = process.env.NABLA_TEST_REQUIRE_ALL === '1'

/** The names of package.json's exports and what a page loads for each. */
function importMap(): Record<string, string> {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, { browser?: string }>
  }
  const map: Record<string, string> = {}
  for (const [name, { browser }] of Object.entries(exports))
    if (browser) map[name.replace('.', 'nabla')] = browser.replace('./', '/')
  return map
}

const page = `<!doctype html>
<title>nabla</title>
<script type="importmap">${JSON.stringify({ imports: importMap() })}</script>`
const types: Record<string, string> = {
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
}

describe.skipIf(!executablePath && !required)('in Chromium', () => {
  /** Bytes of each file served, gzipped. */
  const served = new Map<string, number>()
  let server: Server
  let browser: Browser
  let tab: Page
  const problems: string[] = []
  const data = digits()

  beforeAll(async () => {
    expect(executablePath, 'chromium must be on PATH').toBeDefined()
    server = createServer((request, response) => {
      const path = new URL(request.url!, 'http://localhost').pathname
      if (path === '/') return response.setHeader('content-type', 'text/html').end(page)
      if (path === '/digits.json') return response.end(JSON.stringify(data))
      const file = join(root, path)
      if (!path.startsWith('/dist/') || !existsSync(file))
        return response.writeHead(404).end(`no ${path}`)
      const body = readFileSync(file)
      served.set(path, gzipSync(body).length)
      return response
        .setHeader('content-type', types[extname(path)] ?? 'application/octet-stream')
        .end(body)
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    browser = await chromium.launch({
      executablePath: executablePath!,
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
      ],
    })
    tab = await browser.newPage()
    tab.on('pageerror', (error) => problems.push(error.message))
    await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    server?.close()
  })

  test('twenty steps on the wasm backend give the losses of Node', async () => {
    nabla.setBackend('wasm')
    const want = twentySteps({ nabla, nn, optim, models }, data, true)
    const got = await tab.evaluate<{ losses: number[]; backend: string; printed: string }>(`
      (async () => {
        const [nabla, nn, optim, models] = await Promise.all(
          ['nabla', 'nabla/nn', 'nabla/optim', 'nabla/models'].map((name) => import(name)))
        const data = await (await fetch('/digits.json')).json()
        const losses = (${twentySteps})({ nabla, nn, optim, models }, data, true)
        return { losses, backend: nabla.backend().name, printed: String(nabla.tensor([1, 2.5])) }
      })()`)
    expect(problems).toEqual([])
    expect(got.backend).toBe('wasm')
    expect(got.printed).toBe('tensor([1.0000, 2.5000])')
    expect(got.losses.length).toBe(STEPS)
    got.losses.forEach((v, i) => {
      expect(Math.abs(v - want[i]!), `step ${i}: ${v}, Node ${want[i]}`).toBeLessThan(1e-5)
    })
  }, 60_000)

  test('the JavaScript that it loads is below 100 KB, gzipped', () => {
    const scripts = [...served].filter(([path]) => path.endsWith('.js'))
    const total = scripts.reduce((n, [, bytes]) => n + bytes, 0)
    const wasm = [...served].filter(([path]) => path.endsWith('.wasm'))
    console.log(
      `${scripts.length} scripts, ${total} bytes gzipped; ${wasm.map(([p, n]) => `${p} ${n}`)}`,
    )
    expect(scripts.length).toBeGreaterThan(4)
    expect(wasm.length).toBe(1)
    expect(total).toBeLessThan(100_000)
  })

  test('nabla/data and nabla/vision: tables, batches, pictures, and what a page has not', async () => {
    const run = async (
      d: typeof import('nabla/data'),
      v: typeof import('nabla/vision'),
      n: typeof import('nabla'),
    ) => {
      const table = new d.CsvDataset('a,b,kind\n1,2,x\n3,4,y\n5,6,x', { target: 'kind' })
      const loader = new d.DataLoader(table, { batchSize: 2, shuffle: true, seed: 3 })
      const batches = [...loader].map(([x, y]) => [x!.toArray(), y!.toArray()])
      const scaled = new d.StandardScaler().fitTransform(table.x).toArray()
      n.manualSeed(1)
      const picture = n.tensor([
        [
          [0, 0.2, 0.4],
          [0.6, 0.8, 1],
        ],
      ])
      const turned = v.fromImage(v.toPng(v.randomRotation(30)(picture))).toArray()
      let refused = ''
      try {
        d.csvFile('x.csv')
      } catch (error) {
        refused = (error as Error).message
      }
      return { batches, scaled, turned, refused }
    }
    nabla.setBackend('wasm')
    const want = await run(await import('nabla/data'), await import('nabla/vision'), nabla)
    const got = await tab.evaluate<typeof want>(`
      (async () => (${run})(await import('nabla/data'), await import('nabla/vision'), await import('nabla')))()`)
    expect(got.refused).toContain('a browser has no files')
    expect({ ...got, refused: '' }).toEqual({ ...want, refused: '' })
  }, 60_000)
})
