/** `nabla studio RUNS` in Chromium: runs side by side and alone, as they grow, in both languages; a hundred of them. */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serveRuns } from '../../src/cli/runs.js'
import { serveStudio, studioPlaces } from '../../src/cli/studio.js'
import { histogramOf } from '../../src/train/histograms.js'
import { saveConfusion } from '../../src/train/record.js'
import { encodeHistograms } from '../../src/train/tensorboard.js'
import { launch, without } from './chromium.js'
import { expectAccessible, longestTask } from './studioTab.js'

const line = (epoch: number, loss: number) => `${JSON.stringify({ event: 'epoch', epoch, loss })}\n`

describe.skipIf(without)('training runs', { timeout: 120_000 }, () => {
  let browser: Browser
  const folder = mkdtempSync(join(tmpdir(), 'nabla-runs-'))
  beforeAll(async () => {
    browser = await launch()
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true, force: true })
  })
  /** Serves a folder of runs, and opens it. */
  async function open(
    base: string,
    link: string,
    work: (tab: Page, url: string) => Promise<void>,
    { dark = false, width = 1280 } = {},
  ): Promise<void> {
    const runs = serveRuns(base, 100)
    const { server, url } = await serveStudio(studioPlaces(), 0, runs.handler)
    const tab = await browser.newPage({
      viewport: { width, height: 900 },
      colorScheme: dark ? 'dark' : 'light',
    })
    const said: string[] = []
    tab.on('console', (m) => m.type() === 'error' && said.push(m.text()))
    tab.on('pageerror', (e) => said.push(e.message))
    try {
      await tab.goto(`${url}#/${link}`)
      await work(tab, url)
      expect(said).toEqual([])
    } finally {
      await tab.close()
      runs.close()
      server.close()
    }
  }
  const label = (tab: Page, want: string) =>
    tab.waitForFunction(
      (text) => document.querySelector('.charts .chart')?.ariaLabel === text,
      want,
      { timeout: 20_000 },
    )

  test('curves, table, smoothing, and what is written meanwhile', async () => {
    const base = join(folder, 'two')
    for (const [name, lr] of [
      ['one', 0.1],
      ['two', 0.01],
    ] as const) {
      mkdirSync(join(base, name), { recursive: true })
      writeFileSync(join(base, name, 'config.json'), JSON.stringify({ task: 'x', lr }))
      writeFileSync(join(base, name, 'metrics.jsonl'), line(1, lr) + line(2, lr / 2))
    }
    await open(base, 'en/runs', async (tab) => {
      await label(tab, 'loss: one 0.0500, two 0.00500')
      expect(await tab.textContent('h1')).toBe('Training runs')
      expect(await tab.textContent('thead')).toContain('lr')
      expect(await tab.textContent('thead')).not.toContain('task')
      await expectAccessible(tab)
      await tab.click('tbody tr:nth-child(2) input')
      await label(tab, 'loss: one 0.0500')
      await tab.fill('.runs input[type=range]', '0.5')
      await label(tab, 'loss: one 0.0667')
      await tab.fill('.runs input[type=range]', '0')
      appendFileSync(join(base, 'one/metrics.jsonl'), line(3, 0.025))
      await label(tab, 'loss: one 0.0250')
      // A run that begins meanwhile.
      mkdirSync(join(base, 'three'))
      writeFileSync(join(base, 'three/metrics.jsonl'), line(1, 7))
      await label(tab, 'loss: one 0.0250, three 7.00')
      await tab.click('header nav a[hreflang=zh]')
      await tab.waitForFunction(() => document.querySelector('h1')?.textContent === '训练记录')
    })
  })

  test('one run alone: confusions with examples, histograms, the model, pictures; both languages', async () => {
    const base = join(folder, 'alone')
    const run = join(base, 'a b')
    mkdirSync(run, { recursive: true })
    writeFileSync(join(run, 'metrics.jsonl'), line(0, 1))
    const w = histogramOf([1, 2, 2, 3], 3)
    for (const epoch of [0, 1])
      appendFileSync(
        join(run, 'events.out.tfevents.1.x'),
        encodeHistograms(epoch, { 'weights/0.weight': w }, 0),
      )
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    writeFileSync(join(run, 'graph.svg'), svg)
    writeFileSync(join(run, 'loss.svg'), svg)
    saveConfusion(run, [0, 1, 1], [0, 0, 1], {
      classes: ['cat', 'dog'],
      images: { width: 2, height: 2, image: (i) => [0, 255, 255 * (i % 2), 0] },
    })
    await open(base, 'en/runs', async (tab) => {
      await tab.click('tbody a')
      await tab.waitForSelector('.confusion')
      expect(await tab.textContent('h1')).toBe('a b')
      await tab.click('[aria-label="is dog, said cat: 1"]')
      expect(await tab.$$('.examples canvas')).toHaveLength(1)
      expect(await tab.getAttribute('.ridges', 'aria-label')).toBe(
        'weights/0.weight, step 0–1: from 1.00 to 3.00',
      )
      // Every picture is one that the browser can show.
      await tab.$eval('.album img', (i) => i.scrollIntoView())
      await tab.waitForFunction(() =>
        [...document.images].every((i) => i.complete && i.naturalWidth === 9),
      )
      expect(await tab.$$('img')).toHaveLength(2)
      await expectAccessible(tab)
    })
    await open(
      base,
      'zh/runs?run=a%20b',
      async (tab) => {
        await tab.waitForSelector('.confusion')
        expect(await tab.textContent('.runs')).toContain('混淆矩阵')
        await tab.click('[aria-label="实际 dog, 回答 cat: 1"]')
        await expectAccessible(tab)
        expect(
          await tab.evaluate(() => document.documentElement.scrollWidth - innerWidth),
        ).toBeLessThanOrEqual(0)
        await tab.goto(tab.url().replace('a%20b', 'none'))
        await tab.waitForFunction(() =>
          document.querySelector('[role=alert]')?.textContent?.includes('没有这个名字'),
        )
      },
      { dark: true, width: 390 },
    )
  })

  test('a server that has ended, and one without runs: a message', async () => {
    const { server, url } = await serveStudio(studioPlaces(), 0)
    const tab = await browser.newPage()
    await tab.goto(`${url}#/zh/runs`)
    expect(await (await tab.waitForSelector('[role=alert]')).textContent()).toContain(
      'nabla studio runs',
    )
    await tab.close()
    server.close()
  })

  test('a hundred runs of ten thousand points: no task of the page above 50 ms', async () => {
    const base = join(folder, 'hundred')
    for (let k = 0; k < 100; k++) {
      const run = join(base, `run-${k}`)
      mkdirSync(run, { recursive: true })
      writeFileSync(join(run, 'config.json'), JSON.stringify({ lr: k / 100 }))
      // Each at steps of its own: no two curves share an axis.
      const rows = Array.from(
        { length: 10_000 },
        (_, i) => `{"step":${i + k / 100},"loss":${(Math.exp(-i / 3000) + k / 200).toFixed(4)}}\n`,
      )
      writeFileSync(join(run, 'metrics.jsonl'), rows.join(''))
    }
    await open(base, 'en/runs', async (tab) => {
      await tab.waitForSelector('.charts .chart', { timeout: 60_000 })
      // Drawn again with every move of the slider, every run that is hidden and every one that grows.
      const { longest, idle } = await longestTask(tab, async () => {
        for (const weight of ['0.3', '0.6', '0.9']) {
          await tab.fill('.runs input[type=range]', weight)
          await tab.waitForTimeout(400)
        }
        await tab.click('tbody tr:nth-child(2) input')
        appendFileSync(join(base, 'run-7/metrics.jsonl'), '{"step":10000,"loss":0.1}\n')
        await tab.waitForTimeout(800)
      })
      console.log(`a hundred runs: the longest task ${longest} ms, of an idle page ${idle} ms`)
      expect(longest).toBeLessThanOrEqual(50 + idle)
      expect(await tab.getAttribute('.charts .chart', 'aria-label')).toContain('run-7 0.')
    })
  })
})
