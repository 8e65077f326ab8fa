/** nabla studio in Chromium: every page in both languages, its training, its controls, its messages, its size. */
import { setBackend, setNumThreads } from 'nabla'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Handler, serveStudio, studioPlaces } from '../../src/cli/studio.js'
import type { Run } from '../../studio/engine/run.js'
import type { Model } from '../../studio/engine/session.js'
import type { AnyPage } from '../../studio/page.js'
import { pages } from '../../studio/pages.js'
import type { Schema } from '../../studio/settings.js'
import { results } from '../studio/results.js'
import { shown } from '../studio/shown.js'
import { siteFile, tools } from '../studio/site.js'
import { launch, without } from './chromium.js'
import { expectDifferent, expectStored, expectUnlike, still } from './screens.js'
import { expectAccessible } from './studioTab.js'

declare const studio: { run: Run<object>; values: { value: Record<string, unknown> } }

/** The numbers of a frame, rounded: instruction sets differ in their last bits. */
function numbersOf(value: unknown, list: number[] = []): number[] {
  if (typeof value === 'number') list.push(value)
  else if (ArrayBuffer.isView(value)) list.push(...(value as Float32Array))
  else if (value && typeof value === 'object')
    for (const v of Object.values(value)) numbersOf(v, list)
  return list
}

const overflow = (tab: Page) =>
  tab.evaluate(() => document.documentElement.scrollWidth - innerWidth)

describe.skipIf(without)('nabla studio', { timeout: 180_000 }, () => {
  let browser: Browser
  let server: Awaited<ReturnType<typeof serveStudio>>
  /** What is to go wrong on the server, for one test. */
  let wrong: Handler | undefined
  beforeAll(async () => {
    browser = await launch(still)
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

  describe.each(shown)('$name', ({ name, id, title, chosen, settings, query }) => {
    let tab: Page
    const said: string[] = []
    /** Of the page itself, and those that Node can take. */
    let schema: Schema
    let by: string | undefined
    const after = results[name]?.compared ?? 20
    let steps = 0
    let want: number[] = []
    beforeAll(async () => {
      // Before the page's program is loaded, which may make tensors at once.
      setBackend('wasm')
      setNumThreads(1)
      const page = ((await import(`../../studio/pages/${id}.tsx`)) as { default: AnyPage }).default
      schema = page.schema
      by = page.parts?.by
      const { create } = (await import(`../../studio/pages/${id}.model.ts`)) as Model<
        object,
        object
      >
      const mine = await create(settings, tools)
      mine.frame()
      // Fewer where training ends before.
      steps = mine.advance?.(after) ?? 0
      want = numbersOf({ ...mine.fixed, ...mine.frame() })
      tab = await browser.newPage({ viewport: { width: 1280, height: 900 } })
      tab.on('console', (m) => m.type() === 'error' && said.push(m.text()))
      tab.on('pageerror', (e) => said.push(e.message))
      await tab.goto(`${server.url}#/en/${id}${query && `?${query}`}`)
      await ready(tab)
      if (steps) {
        await tab.evaluate((n) => studio.run.step(n), after)
        await tab.waitForFunction((n) => studio.run.steps.value === n, steps)
      }
    }, 60_000)
    afterAll(() => tab?.close())
    afterEach(() => expect(said).toEqual([]))

    test('computes in its worker what Node computes', async () => {
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
      const far = got.findIndex(
        (v, i) =>
          Number.isFinite(want[i]!) &&
          !(Math.abs(Number(v) - want[i]!) < 1e-3 * (1 + Math.abs(want[i]!))),
      )
      expect(far, `number ${far}: ${got[far]}, ${want[far]}`).toBe(-1)
    })

    test('looks like its stored screenshot', async () => {
      await tab.waitForLoadState('networkidle')
      await expectStored(tab, name)
    })

    test('is accessible, and has its texts and its code', async () => {
      expect(await tab.textContent('h1')).toBe(title[0])
      expect(await tab.getAttribute('html', 'lang')).toBe('en')
      await tab.waitForSelector('.katex')
      for (const summary of await tab.$$('summary')) await summary.click()
      expect(await tab.textContent('.code pre')).toContain('main(settings)')
      const wide = await tab.$$eval('.below .katex-display', (all) =>
        all.filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.textContent),
      )
      expect(wide, 'formulas that are cut off').toEqual([])
      await expectAccessible(tab)
      expect(await overflow(tab)).toBeLessThanOrEqual(0)
    })

    test('every control changes the link, which brings the state back, in Chinese, dark and narrow', async () => {
      for (const [setting, s] of Object.entries(schema)) {
        const control = await tab.$(`.controls [name="${setting}"]`)
        // Another part would be another page.
        if (s.hidden || !control || setting in chosen || setting === by) continue
        // Another one than it has: sizes of what is drawn change under the picture.
        if ('options' in s)
          await control.selectOption({
            index: await control.evaluate((e) => {
              const { selectedIndex, length } = e as HTMLSelectElement
              return (selectedIndex + 1) % length
            }),
          })
        else if ('min' in s) await control.press('ArrowRight')
        else await control.click()
      }
      await tab.waitForTimeout(100)
      const values = await tab.evaluate(() => JSON.stringify(studio.values.value))
      await tab.setViewportSize({ width: 390, height: 900 })
      await tab.click('header nav a[hreflang=zh]')
      await tab.waitForFunction(() => document.documentElement.lang === 'zh-CN')
      await tab.click('header nav button')
      expect(await tab.getAttribute('html', 'data-theme')).toBe('dark')
      expect(await tab.evaluate(() => location.hash)).toMatch(/^#\/zh\/[\w-]+\?/)
      await tab.reload()
      await ready(tab)
      expect(await tab.evaluate(() => JSON.stringify(studio.values.value))).toBe(values)
      expect(await tab.textContent('h1')).toBe(title[1])
      await tab.waitForSelector('.katex')
      for (const summary of await tab.$$('summary')) await summary.click()
      await expectAccessible(tab)
      expect(await overflow(tab)).toBeLessThanOrEqual(0)
      await tab.evaluate(() => localStorage.clear())
    })
  })

  test('the tolerance of screenshots tells pages apart', () =>
    open('en', (tab) =>
      expectDifferent(
        tab,
        shown.map((p) => p.name),
      ),
    ))

  test('the tolerance of screenshots sees a chart, pictures, a control or a language that is missing', async () => {
    const without = async (tab: Page, id: string, what: string) => {
      const style = await tab.addStyleTag({ content: `${what} { visibility: hidden }` })
      await expectUnlike(tab, id, what)
      await style.evaluate((e) => (e as HTMLElement).remove())
    }
    await open('en/neuron', async (tab) => {
      await ready(tab)
      await tab.waitForLoadState('networkidle')
      await without(tab, 'neuron', '.picture svg')
      await without(tab, 'neuron', '.controls > :last-child')
    })
    await open('en/digits', async (tab) => {
      await ready(tab)
      await tab.evaluate(() => studio.run.step(20))
      await tab.waitForFunction(() => studio.run.steps.value === 20)
      await without(tab, 'digits', '.picture canvas.heat')
      await tab.click('header nav a[hreflang=zh]')
      await tab.waitForFunction(() => document.documentElement.lang === 'zh-CN')
      await expectUnlike(tab, 'digits', 'in Chinese')
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
        await tab.fill('.search', '感知机 异或')
        expect(await tab.$$('.card')).toHaveLength(1)
        await tab.fill('.search', 'zzz')
        expect(await tab.$$('.card')).toHaveLength(0)
        expect(said).toEqual([])
      })
    }
  })

  test('the weights of a neuron are set by hand', async () => {
    await open('en/playground?layers=[8,8,8]', async (tab) => {
      await ready(tab)
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
  test('no network: a message in the language of the page', async () => {
    for (const [lang, text] of [
      ['en', 'A file of the engine could not be loaded'],
      ['zh', '引擎的一个文件无法加载'],
    ] as const) {
      const context = await browser.newContext()
      const tab = await context.newPage()
      await tab.goto(`${server.url}#/${lang}`)
      await tab.waitForSelector('.cards')
      await context.setOffline(true)
      await tab.click('a[href$="/neuron"]')
      expect(await (await tab.waitForSelector('[role=alert]')).textContent()).toContain(text)
      // Training runs need their server too.
      await tab.goto(`${server.url}#/${lang}/runs`)
      await tab.waitForSelector('[role=alert]')
      await context.close()
    }
  })
  test('a broken data file: a message in the language of the page', async () => {
    const whole = siteFile('data/mnist/train-images-idx3-ubyte')
    for (const broken of [
      whole.subarray(0, 5000),
      new Uint8Array(5000),
      Uint8Array.of(31, 139, 8),
    ]) {
      wrong = (_request, response, path) => {
        if (!path.endsWith('train-images-idx3-ubyte')) return false
        response.writeHead(200).end(broken)
        return true
      }
      expect(await message('en/digits')).toContain('The data could not be loaded or is broken')
    }
    expect(await message('zh/digits')).toContain('数据无法加载，或者已损坏')
    wrong = undefined
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
