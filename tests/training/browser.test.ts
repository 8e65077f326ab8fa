/** A page in headless Chromium imports the built package, trains on the wasm backend, and gets Node's losses. */
import * as nabla from 'nabla'
import * as models from 'nabla/models'
import * as nn from 'nabla/nn'
import * as optim from 'nabla/optim'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { importMap, launch, root, type Served, serve, without } from '../browser/chromium.js'
import { digits, STEPS, twentySteps } from './steps.js'

const page = `<!doctype html><title>nabla</title>${importMap()}`

describe.skipIf(without)('in Chromium', () => {
  let server: Served
  let browser: Browser
  let tab: Page
  const problems: string[] = []
  const data = digits()

  beforeAll(async () => {
    server = await serve(root, { '/': page, '/digits.json': JSON.stringify(data) })
    browser = await launch()
    tab = await browser.newPage()
    tab.on('pageerror', (error) => problems.push(error.message))
    await tab.goto(server.url)
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
        await import('nabla/methods')
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
