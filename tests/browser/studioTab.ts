/** What tests of nabla studio ask of its tabs. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { root } from './chromium.js'

declare const axe: {
  run(
    on: unknown,
    options: object,
  ): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>
}
const axeSource = readFileSync(join(root, 'node_modules/axe-core/axe.min.js'), 'utf8')

/** Works on a tab whose page is there, and wants nothing said on its console as an error; closes what it stands in. */
export async function withPage(
  tab: Page,
  link: string,
  work: (tab: Page) => Promise<void>,
  close: { close(): Promise<void> } = tab,
): Promise<void> {
  const said: string[] = []
  tab.on('console', (m) => m.type() === 'error' && said.push(m.text()))
  tab.on('pageerror', (e) => said.push(e.message))
  try {
    await tab.goto(link)
    await tab.waitForSelector('.picture[aria-busy=false]')
    await work(tab)
    expect(said).toEqual([])
  } finally {
    await close.close()
  }
}

/** WCAG 2.2 AA, as far as axe can tell. */
export async function expectAccessible(tab: Page): Promise<void> {
  if (!(await tab.evaluate(() => 'axe' in globalThis))) await tab.evaluate(axeSource)
  const found = await tab.evaluate(() =>
    axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }),
  )
  expect(found.violations.map((v) => `${v.id}: ${v.nodes[0]?.html}`)).toEqual([])
}

/**
 * The longest task of the page's main thread during `work`, in milliseconds, and what tasks of 20 ms of an empty page take
 * longer: others use the machine too, so that the best of several tries counts.
 */
export async function longestTask(
  tab: Page,
  work: () => Promise<void>,
  tries = 5,
): Promise<{ longest: number; idle: number }> {
  const measure = async (page: Page, f: () => Promise<void>) => {
    await page.evaluate(() => {
      const state = globalThis as unknown as { worst: number; observer: PerformanceObserver }
      state.worst = 0
      state.observer = new PerformanceObserver((list) => {
        for (const e of list.getEntries()) state.worst = Math.max(state.worst, e.duration)
      })
      state.observer.observe({ type: 'longtask' })
    })
    await f()
    return page.evaluate(async () => {
      // Entries come a little later than what they tell of.
      await new Promise((done) => setTimeout(done, 60))
      const state = globalThis as unknown as { worst: number; observer: PerformanceObserver }
      state.observer.disconnect()
      return state.worst
    })
  }
  let [longest, idle] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let i = 0; i === 0 || (i < tries && longest > 50 + idle); i++) {
    longest = Math.min(longest, await measure(tab, work))
    if (longest <= 50) return { longest, idle: 0 }
    // A page of its own: what the page at hand does meanwhile must not excuse it.
    const blank = await tab.context().browser()!.newPage()
    const spinning = await measure(blank, () =>
      blank.evaluate(async () => {
        for (let k = 0; k < 40; k++) {
          for (const end = performance.now() + 20; performance.now() < end; );
          await new Promise((done) => setTimeout(done, 4))
        }
      }),
    )
    await blank.close()
    idle = Math.min(idle, Math.max(0, spinning - 20))
  }
  return { longest, idle }
}
