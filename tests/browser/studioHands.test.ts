/** Pages of nabla studio in the user's hands: words and a surface turned, words chosen, a graph drawn, a cart pushed; by the pointer and by the keyboard. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serveStudio, studioPlaces } from '../../src/cli/studio.js'
import type { Run } from '../../studio/engine/run.js'
import { launch, without } from './chromium.js'
import { expectAccessible, withPage } from './studioTab.js'

declare const studio: {
  run: Run<Record<string, never>>
  values: { value: Record<string, unknown> }
}

describe.skipIf(without)('in the hand', { timeout: 60_000 }, () => {
  let browser: Browser
  let server: Awaited<ReturnType<typeof serveStudio>>
  beforeAll(async () => {
    browser = await launch([])
    server = await serveStudio(studioPlaces(), 0)
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    server?.server.close()
  })
  const open = async (link: string, work: (tab: Page) => Promise<void>) =>
    withPage(
      await browser.newPage({ viewport: { width: 1280, height: 1400 } }),
      `${server.url}#/${link}`,
      work,
    )
  const value = <T>(tab: Page, name: string) =>
    tab.evaluate((n) => studio.values.value[n], name) as Promise<T>

  test('the word map: turned by keys and pointer, a word pressed, a word typed, an analogy chosen', () =>
    open('en/embeddings?text=english&view=space', async (tab) => {
      const picture = () => tab.innerHTML('.space svg')
      const before = await picture()
      await tab.focus('.space')
      await tab.keyboard.press('ArrowLeft')
      await tab.waitForFunction(
        (b) => document.querySelector('.space svg')!.innerHTML !== b,
        before,
      )
      await tab.keyboard.press('ArrowRight')
      await tab.waitForFunction(
        (b) => document.querySelector('.space svg')!.innerHTML === b,
        before,
      )
      const box = (await (await tab.$('.space svg'))!.boundingBox())!
      await tab.mouse.move(box.x + 8, box.y + 8)
      await tab.mouse.down()
      await tab.mouse.move(box.x + 60, box.y + 30)
      await tab.mouse.up()
      expect(await picture()).not.toBe(before)
      // Of the words that have room for their names one that nothing speaks of.
      const other = await tab.$$eval('.space svg g:has(> text)', (all) => {
        const found = all.filter((g) =>
          /^(coffee|tea|red|bread|cow|rice)$/.test(g.textContent!),
        )[0]!
        const { x, y, width } = found.querySelector('circle')!.getBoundingClientRect()
        return { name: found.textContent!, x: x + width / 2, y: y + width / 2 }
      })
      await tab.mouse.click(other.x, other.y)
      await tab.waitForFunction(
        (name) => (studio.run.frame.value!.word as string) === name,
        other.name,
      )
      await tab.fill('.split form:first-of-type input', 'Tiger ')
      await tab.keyboard.press('Enter')
      await tab.waitForFunction(() => studio.run.frame.value!.word === 'tiger')
      await tab.click('.row button:has-text("france paris japan")')
      await tab.waitForFunction(() =>
        document.querySelector('.sentence')!.textContent!.endsWith('tokyo'),
      )
      await expectAccessible(tab)
    }))

  // How the surface is seen: degrees around, degrees above, distance.
  const view = (tab: Page) =>
    tab.$eval('.surface ~ [role=status]', (e) =>
      e.textContent!.match(/-?[0-9]+(?:[.][0-9]+)?/g)!.map(Number),
    ) as Promise<[number, number, number]>
  for (const language of ['en', 'zh'] as const)
    test(`the surface in 3-D is turned and zoomed by keys, and says so (${language})`, () =>
      open(`${language}/gradient-descent?solid=1`, async (tab) => {
        await tab.waitForSelector('.surface canvas')
        const picture = async () => (await tab.locator('.surface').screenshot()).toString('base64')
        const press = async (key: string) => {
          const said = await tab.textContent('.surface ~ [role=status]')
          await tab.keyboard.press(key)
          await tab.waitForFunction(
            (b) => document.querySelector('.surface ~ [role=status]')!.textContent !== b,
            said,
          )
          return view(tab)
        }
        expect(await tab.getAttribute('.surface', 'aria-label')).toContain(
          language === 'en' ? 'arrow keys' : '方向键',
        )
        await tab.focus('.surface')
        const first = await picture()
        const a = await press('ArrowRight')
        expect(await picture()).not.toBe(first)
        const b = await press('ArrowRight')
        expect(b).toEqual([expect.closeTo(a[0] - 8.6, -1), a[1], a[2]])
        const c = await press('ArrowUp')
        expect(c).toEqual([b[0], expect.closeTo(b[1] + 8.6, -1), b[2]])
        expect(await press('ArrowLeft')).toEqual([a[0], c[1], c[2]])
        const near = await press('+')
        expect(near[2]).toBeCloseTo(c[2] / 1.1, 1)
        expect((await press('-'))[2]).toBe(c[2])
        // Not over the top, nor into it.
        for (let i = 0; i < 30; i++) await tab.keyboard.press('ArrowUp')
        for (let i = 0; i < 30; i++) await tab.keyboard.press('+')
        expect((await view(tab)).slice(1)).toEqual([87, 6])
        // A key of the browser's stays its own.
        const kept = await tab.evaluate(() =>
          document
            .querySelector('.surface')!
            .dispatchEvent(
              new KeyboardEvent('keydown', { key: 'ArrowLeft', altKey: true, cancelable: true }),
            ),
        )
        expect(kept).toBe(true)
        await expectAccessible(tab)
      }))

  test('a graph drawn by the pointer and by the keyboard, which lies in its link', () =>
    open('en/karate?graph=drawn', async (tab) => {
      type Drawn = { nodes: number[][]; edges: number[][] }
      const drawn = () => value<Drawn>(tab, 'drawn')
      const box = (await (await tab.$('.space svg'))!.boundingBox())!
      const press = (x: number, y: number) =>
        tab.mouse.click(
          box.x + ((x + 1.12) / 2.24) * box.width,
          box.y + ((1.12 - y) / 2.24) * box.height,
        )
      // A twelfth node, which stays chosen, and its edge to the first.
      await press(0, 0.9)
      await press(-0.8, 0.5)
      const { nodes, edges } = await drawn()
      expect([nodes.length, nodes[11]![2], edges.at(-1)]).toEqual([12, -1, [11, 0]])
      await tab.click('fieldset button:has-text("Tell")')
      await press(0, 0.9)
      expect((await drawn()).nodes[11]![2]).toBe(1)
      await tab.click('fieldset button:has-text("Move")')
      const at = (x: number, y: number) =>
        [box.x + ((x + 1.12) / 2.24) * box.width, box.y + ((1.12 - y) / 2.24) * box.height] as const
      await tab.mouse.move(...at(0, 0.9))
      await tab.mouse.down()
      await tab.mouse.move(...at(-0.5, 0.9), { steps: 3 })
      await tab.mouse.up()
      expect((await drawn()).nodes[11]![0]).toBeCloseTo(-0.5, 1)
      // By keys: moved, joined, told, taken away.
      await tab.focus('.space')
      await tab.keyboard.press('ArrowRight')
      expect((await drawn()).nodes[11]![0]).toBeCloseTo(-0.45, 1)
      const last = { nodes: (await drawn()).nodes.length, edges: (await drawn()).edges.length }
      await tab.focus('button:has-text("New node")')
      await tab.keyboard.press('Enter')
      await tab.focus('button:has-text("Join or part")')
      await tab.keyboard.press('Enter')
      expect((await drawn()).edges).toHaveLength(last.edges + 1)
      expect((await drawn()).nodes).toHaveLength(last.nodes + 1)
      const kept = await drawn()
      await tab.reload()
      await tab.waitForSelector('.picture[aria-busy=false]')
      expect(await drawn()).toEqual(kept)
      await tab.waitForFunction(() => (studio.run.frame.value!.officer as unknown[]).length === 13)
      // One layer on: messages move along edges that have something to send.
      await tab.click('button:has-text("One layer on")')
      await tab.waitForSelector('circle.message')
      expect(await value(tab, 'hops')).toBe(3)
      // The told ones may not all go.
      await tab.click('fieldset button:has-text("Take away")')
      for (let i = 0; i < 3; i++) {
        const told = (await drawn()).nodes.find((n) => n[2]! >= 0)!
        await press(told[0]!, told[1]!)
      }
      expect((await drawn()).nodes.filter((n) => n[2]! >= 0)).toHaveLength(1)
      await tab.waitForSelector('text=At least two nodes stay')
      await expectAccessible(tab)
    }))

  test('the cart is pushed by keys and buttons, and the policy is watched', () =>
    open('en/cartpole', async (tab) => {
      const place = () => tab.getAttribute('.plot svg[aria-label^="The cart"] rect[rx]', 'x')
      const start = await place()
      await tab.focus('button:has-text("Push it yourself")')
      await tab.keyboard.press('Enter')
      await tab.keyboard.down('ArrowRight')
      await tab.waitForFunction(
        (x) =>
          Number(
            document.querySelector('.plot svg[aria-label^="The cart"] rect[rx]')!.getAttribute('x'),
          ) >
          Number(x) + 5,
        start,
      )
      await tab.keyboard.up('ArrowRight')
      // Pushed to one side, the pole falls to the other.
      await tab.waitForSelector('button.hand')
      await expectAccessible(tab)
      await tab.click('button:has-text("Leave the cart")')
      await tab.click('button:has-text("Watch the policy")')
      await tab.waitForFunction(
        () => [...document.querySelectorAll('.numbers dd')].at(-1)!.textContent !== '0',
      )
      await tab.click('button:has-text("Stop watching")')
      expect(await tab.evaluate(() => studio.run.steps.value)).toBe(0)
    }))
})
