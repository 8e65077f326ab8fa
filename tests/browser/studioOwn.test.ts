/** What users bring to nabla studio: tables, texts and pictures by drop, the camera, trained weights. */
import { readdirSync, readFileSync } from 'node:fs'
import { encode } from 'fast-png'
import { tensor } from 'nabla'
import { parseSafetensors } from 'nabla/io'
import * as nn from 'nabla/nn'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serveStudio, studioPlaces } from '../../src/cli/studio.js'
import type { OwnPicture } from '../../studio/engine/own.js'
import type { Run } from '../../studio/engine/run.js'
import { guess, readTable, take } from '../../studio/parts/table.js'
import { launch, without } from './chromium.js'
import { withPage } from './studioTab.js'

declare const studio: {
  run: Run<Record<string, unknown>>
  values: { value: Record<string, unknown> }
}

describe('tables', () => {
  test('names, marks between cells, columns of numbers', async () => {
    expect(await readTable('\ufeffa;b;kind\n1;2.5;cat\n-3;1e2;dog\n')).toEqual({
      names: ['a', 'b', 'kind'],
      rows: [
        ['1', '2.5', 'cat'],
        ['-3', '1e2', 'dog'],
      ],
      numeric: [true, true, false],
    })
    const plain = await readTable('1,2\n3,4\n')
    expect([plain.names, plain.rows.length]).toEqual([['1', '2'], 2])
    await expect(readTable('')).rejects.toThrow()
    await expect(readTable('"a')).rejects.toThrow()
  })
  test('columns are guessed, scaled, and thinned out', async () => {
    const table = await readTable('x,y,kind\n0,5,b\n10,5,a\n5,5,b\n')
    expect(guess(table, 2, true)).toEqual([0, 1, 2])
    expect(guess(table, 2, false)).toEqual([0, 1])
    expect(take(table, [0, 1, 2], { half: 2, classes: true, most: 9 })).toEqual({
      rows: [
        [-2, 0, 1],
        [2, 0, 0],
        [0, 0, 1],
      ],
      classes: ['a', 'b'],
    })
    expect(take(table, [0], { half: 2, classes: false, most: 2 }).rows).toHaveLength(2)
  })
})

describe.skipIf(without)('own data in the page', { timeout: 60_000 }, () => {
  let browser: Browser
  let server: Awaited<ReturnType<typeof serveStudio>>
  beforeAll(async () => {
    browser = await launch(['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'])
    server = await serveStudio(studioPlaces(), 0)
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    server?.server.close()
  })
  async function open(link: string, work: (tab: Page) => Promise<void>): Promise<void> {
    const context = await browser.newContext({ permissions: ['camera', 'microphone'] })
    await withPage(await context.newPage(), `${server.url}#/${link}`, work, context)
  }
  /** Drops a file as a user does. */
  async function drop(tab: Page, place: string, name: string, bytes: Uint8Array | string) {
    const text = Buffer.from(bytes).toString('base64')
    const data = await tab.evaluateHandle(
      ([file, base64]) => {
        const transfer = new DataTransfer()
        transfer.items.add(
          new File([Uint8Array.from(atob(base64!), (c) => c.charCodeAt(0))], file!),
        )
        return transfer
      },
      [name, text],
    )
    await tab.dispatchEvent(place, 'dragover', { dataTransfer: data })
    await tab.dispatchEvent(place, 'drop', { dataTransfer: data })
  }
  const value = (tab: Page, name: string) =>
    tab.evaluate((n) => studio.values.value[n], name) as Promise<never>

  test('a table becomes the points of the playground, and lies in its link', () =>
    open('en/playground', async (tab) => {
      const rows = Array.from({ length: 30 }, (_, i) => `${i},${i * i},${i % 2 ? 'yes' : 'no'}`)
      await drop(tab, '.drop', 'mine.csv', `a,b,label\n${rows.join('\n')}\n`)
      await tab.waitForFunction(() => studio.values.value.data === 'drawn')
      const drawn = (await value(tab, 'drawn')) as number[][]
      expect([drawn.length, drawn[0], drawn[29]]).toEqual([30, [-5, -5, 1], [5, 5, -1]])
      await tab.reload()
      await tab.waitForSelector('.picture[aria-busy=false]')
      expect(await value(tab, 'drawn')).toEqual(drawn)
      // Half of them are trained on.
      expect(await tab.evaluate(() => (studio.run.frame.value!.train as Float32Array).length)).toBe(
        45,
      )
      // Another column.
      await drop(tab, '.drop', 'mine.csv', `a,b,label\n${rows.join('\n')}\n`)
      await tab.waitForSelector('.table-input select')
      await tab.selectOption('.table-input select', { label: 'b' })
      await tab.waitForFunction(() => (studio.values.value.drawn as number[][])[1]![0] !== -4.655)
    }))
  test('tables that do not fit: a message in the language of the page', () =>
    open('zh/playground', async (tab) => {
      const alert = async (text: string) => {
        await drop(tab, '.drop', 'x.csv', text)
        return (await tab.waitForSelector('.drop [role=alert]')).textContent()
      }
      expect(await alert('a,b,c\n1,2,x\n1,2,y\n3,4,z\n')).toContain('表格的类别太多')
      expect(await alert('word\nx\ny\n')).toContain('数字列太少')
      expect(await alert('')).toContain('无法使用这个文件')
    }))
  test('tables of classes and of rows for clustering', async () => {
    const csv = 'a,b,c,kind\n1,2,9,x\n2,1,8,x\n8,9,1,y\n9,8,2,y\n5,5,5,z\n'
    await open('en/classes?data=own', async (tab) => {
      await drop(tab, '.drop', 'x.csv', csv)
      await tab.waitForFunction(() => (studio.values.value.own as number[][]).length === 5)
      await tab.waitForFunction(
        () => (studio.run.frame.value!.classes as number[]).join() === '0,0,1,1,2',
      )
    })
    await open('en/clusters?data=own&clusters=10', async (tab) => {
      await drop(tab, '.drop', 'x.csv', csv)
      await tab.waitForFunction(
        () => (studio.run.frame.value!.labels as number[]).join() === '0,0,1,1,2',
      )
      await tab.evaluate(() => studio.run.step(3))
      await tab.waitForFunction(() => studio.run.steps.value > 0)
    })
  })
  test('a table is looked at in its own units, with the names of its columns, and lies in its link', () =>
    open('en/data?data=own', async (tab) => {
      const rows = Array.from(
        { length: 20 },
        (_, i) => `${1000 + i},${i * i},${i % 2 ? 'hot' : 'cold'}`,
      )
      const look = () => tab.evaluate(() => studio.run.frame.value!) as Promise<never>
      await drop(tab, '.drop', 'mine.csv', `height,area,kind\n${rows.join('\n')}\n`)
      await tab.waitForFunction(() => (studio.values.value.own as unknown[]).length === 20)
      await tab.waitForFunction(() => (studio.run.frame.value!.columns as unknown[]).length === 2)
      const found: { columns: string[]; classes: string[]; look: { mean: number } } = await look()
      expect([found.columns, found.classes, found.look.mean]).toEqual([
        ['height', 'area'],
        ['cold', 'hot'],
        1009.5,
      ])
      await tab.reload()
      await tab.waitForSelector('.picture[aria-busy=false]')
      expect(await look()).toEqual(found)
      // Without a column of classes nothing can be told apart, and the page says so.
      const plain = Array.from({ length: 12 }, (_, i) => `${i},${i * i}`).join('\n')
      await drop(tab, '.drop', 'mine.csv', `a,b\n${plain}\n`)
      await tab.waitForFunction(() => (studio.run.frame.value!.classes as unknown[]).length === 1)
      await tab.selectOption('.controls [name=part]', 'scaling')
      await tab.waitForSelector('.picture p.trouble[role=alert]')
      // Three parts need rows.
      await drop(tab, '.drop', 'mine.csv', 'a,b\n1,2\n3,4\n')
      await tab.waitForSelector('.drop [role=alert]')
    }))
  test('the ends of two vectors are dragged', () =>
    open('en/data?part=vectors', async (tab) => {
      const box = (await (await tab.$('.plot svg'))!.boundingBox())!
      // The plane from -4 to 4 within the margins of the picture.
      const at = (x: number, y: number) =>
        [
          box.x + ((38 + ((x + 4) / 8) * 392) / 440) * box.width,
          box.y + ((10 + ((4 - y) / 8) * 396) / 430) * box.height,
        ] as const
      await tab.mouse.move(...at(2, 3))
      await tab.mouse.down()
      await tab.mouse.move(...at(0, 2))
      await tab.mouse.move(...at(-1, 3))
      await tab.mouse.up()
      await tab.waitForFunction(
        () => (studio.run.frame.value!.vectors as { dot: number }).dot === 0,
      )
      expect(await Promise.all(['a1', 'a2', 'b1', 'b2'].map((n) => value(tab, n)))).toEqual([
        3, 1, -1, 3,
      ])
    }))
  test('a table of two columns is fitted; one of few rows is refused', () =>
    open('en/overfitting?data=own', async (tab) => {
      const rows = Array.from({ length: 40 }, (_, i) => `${i},${(i - 20) ** 2}`)
      await drop(tab, '.drop', 'x.csv', `a,b\n${rows.join('\n')}\n`)
      await tab.waitForFunction(() => (studio.values.value.own as number[][]).length === 40)
      await tab.waitForFunction(
        () => (studio.run.frame.value!.train as { x: Float32Array }).x.length === 30,
      )
      expect((await value(tab, 'own'))[0]).toEqual([-1, 1])
      await drop(tab, '.drop', 'x.csv', `a,b\n${rows.slice(0, 7).join('\n')}\n`)
      expect(await (await tab.waitForSelector('.drop [role=alert]')).textContent()).toContain(
        'too few rows',
      )
    }))
  test('a second of the microphone becomes the signal, and lies in the link', () =>
    open('en/convolution?series=sound&filter=echo', async (tab) => {
      // Its stand-in beeps now and then: a second on a busy machine may be silent, of which the page tells.
      const heard = async () => {
        await tab.click('button:has-text("Record one second"):enabled')
        await tab.waitForFunction(
          () =>
            (studio.values.value.sound as string).length === 1024 ||
            document.querySelector('[role=alert]'),
        )
        return ((await value(tab, 'sound')) as string) !== ''
      }
      for (let i = 0; i < 3 && !(await heard()); i++);
      const sound = (await value(tab, 'sound')) as string
      // The stand-in for a device beeps: the loudest piece goes up to its peak.
      const numbers = sound.match(/../g)!.map((d) => Number.parseInt(d, 16) - 128)
      expect(Math.max(...numbers.map(Math.abs))).toBe(127)
      expect(new Set(numbers).size).toBeGreaterThan(1)
      await tab.waitForFunction(
        (v) => Math.abs((studio.run.frame.value!.series as number[])[0]! - v) < 1e-6,
        numbers[0]! / 127,
      )
      await tab.reload()
      await tab.waitForSelector('.picture[aria-busy=false]')
      expect(await value(tab, 'sound')).toBe(sound)
    }))
  test('camera and microphone that are refused, not there or not for this page: messages in its language', async () => {
    /** What the page says in both languages after both have been asked for. */
    const pressed = async (tab: Page) => {
      const alerts = async (chinese: RegExp) => {
        await tab.waitForFunction(
          ([source]) =>
            document.querySelectorAll('[role=alert]').length === 2 &&
            [...document.querySelectorAll('[role=alert]')].every((e) =>
              new RegExp(source!).test(e.textContent!),
            ),
          [chinese.source],
        )
        return (await tab.$$eval('[role=alert]', (all) => all.map((e) => e.textContent))).join(' ')
      }
      await tab.click('.picture .row > button:enabled')
      await tab.click('.picture-input > button')
      const texts = await alerts(/camera|microphone/)
      await tab.click('header nav a[hreflang=zh]')
      const all = `${texts} ${await alerts(/摄像头|麦克风/)}`
      await tab.click('header nav a[hreflang=en]')
      return all
    }
    const opened = async (on: Browser, work: (tab: Page) => Promise<void>) => {
      const tab = await on.newPage()
      try {
        await tab.goto(`${server.url}#/en/convolution?series=sound&picture=own`)
        await tab.waitForSelector('.picture[aria-busy=false]')
        await work(tab)
      } finally {
        await tab.close()
      }
    }
    const refusing = await launch([
      '--use-fake-device-for-media-stream',
      '--deny-permission-prompts',
    ])
    try {
      await opened(refusing, async (tab) => {
        expect(await pressed(tab)).toMatch(
          /The camera was refused.*The microphone was refused.*使用摄像头的请求被拒绝.*使用麦克风的请求被拒绝/,
        )
      })
    } finally {
      await refusing.close()
    }
    await opened(browser, async (tab) => {
      await tab.evaluate(() => {
        MediaDevices.prototype.getUserMedia = () =>
          Promise.reject(new DOMException('none', 'NotFoundError'))
      })
      expect(await pressed(tab)).toMatch(
        /finds no camera.*finds no microphone.*没有找到摄像头.*没有找到麦克风/,
      )
      // A microphone that opens and stays silent, and a camera that another program has.
      await tab.evaluate(() => {
        MediaDevices.prototype.getUserMedia = ({ audio } = {}) =>
          audio
            ? Promise.resolve(new AudioContext().createMediaStreamDestination().stream)
            : Promise.reject(new DOMException('busy', 'NotReadableError'))
      })
      expect(await pressed(tab)).toMatch(
        /camera cannot be read.*microphone is open but gives nothing.*无法读取摄像头.*麦克风已打开，但没有数据/,
      )
      // As in pages that are not served by https.
      await tab.evaluate(() => {
        Object.defineProperty(navigator, 'mediaDevices', { value: undefined })
      })
      expect(await pressed(tab)).toMatch(
        /give the camera only to.*give the microphone only to.*页面使用摄像头.*页面使用麦克风/,
      )
    })
  })
  describe('what is refused says why, in the language of the page', () => {
    /** Every field for texts: its link, which of the page's fields it is, and what is refused besides nothing at all. */
    const fields: [
      link: string,
      field: number,
      refused: readonly [text: string, en: string, zh: string],
    ][] = [
      ['approximation', 0, ['x +', 'cannot be read as a formula', '无法读作公式']],
      ['backpropagation', 0, ['foo(x)', 'cannot be read as a formula', '无法读作公式']],
      ['attention', 0, [' , .', 'at least one word', '至少要有一个词']],
      ['embeddings?text=world', 0, ['xyzzy', 'No vector has been learned for: xyzzy', 'xyzzy']],
      ['embeddings?text=world', 1, ['man king xyzzy', 'No vector has been learned', '没有学到']],
      ['embeddings?text=own', 0, ['one. one.', 'two different words', '两个不同的词']],
      ['language-model?width=16', 0, ['éω', 'has never seen these', '模型从未见过']],
      ['language-model?width=16&text=own', 0, ['abc', 'too short to learn from', '文字太短']],
      [
        'language-model?width=16&model=bert',
        0,
        ['Mary had', 'write _ for at least one word', '写成 _'],
      ],
      [
        'recurrent?task=text&hidden=4',
        0,
        ['x'.repeat(201), 'most characters are 200', '字符数最多为 200'],
      ],
      ['seq2seq?width=16', 0, ['7', '2 to 14 digits', '2 到 14 个数字']],
      ['transformer?width=32', 0, ['twelve', 'not one to six numbers', '不是一到六个']],
    ]
    test('every page with a field for texts is here', () => {
      const folder = new URL('../../studio/pages/', import.meta.url)
      const found = readdirSync(folder).filter(
        (f) =>
          f.endsWith('.tsx') &&
          /<(Text|Formula)Input/.test(readFileSync(new URL(f, folder), 'utf8')),
      )
      expect(new Set(fields.map(([link]) => `${link.split('?')[0]}.tsx`))).toEqual(new Set(found))
    })
    test('fields', { timeout: 180_000 }, () =>
      open('en/attention', async (tab) => {
        /** In English, then in Chinese. */
        const told = async (en: string, zh: string) => {
          await tab.locator('.trouble').getByText(en).waitFor()
          await tab.click('header nav a[hreflang=zh]')
          await tab.locator('.trouble').getByText(zh).waitFor()
          await tab.click('header nav a[hreflang=en]')
        }
        for (const [link, field, [text, en, zh]] of fields) {
          // Each begins anew.
          await tab.goto(`${server.url}#/en`)
          await tab.waitForSelector('.cards')
          await tab.goto(`${server.url}#/en/${link}`)
          await tab.waitForSelector(`.page-${link.split('?')[0]} .picture[aria-busy=false]`)
          const form = tab.locator('.picture form').nth(field)
          const give = async (what: string) => {
            await form.locator('.wide').fill(what)
            await form.locator('button[type=submit]').click()
          }
          const before = await tab.evaluate(() => JSON.stringify(studio.values.value))
          await give('  ')
          await told('Nothing is in it yet', '内容为空')
          expect(await form.locator('.wide').getAttribute('aria-invalid')).toBe('true')
          expect(await tab.evaluate(() => JSON.stringify(studio.values.value))).toBe(before)
          await give(text)
          await told(en, zh)
        }
      }),
    )
    test('files: no text, no picture, no table, and one that is cut', () =>
      open('zh/attention', async (tab) => {
        const told = async (place: string) =>
          (await tab.waitForSelector(`${place} [role=alert]`)).textContent()
        await drop(tab, '.drop', 'x.txt', Uint8Array.of(0x89, 0x50, 0, 0xff))
        expect(await told('.drop')).toContain('里面没有文本')
        await drop(tab, '.drop', 'x.txt', 'word '.repeat(100))
        await tab.getByText('只使用开头的字符，数目为 120').waitFor()
        await tab.goto(`${server.url}#/zh/convolution?picture=own`)
        await tab.waitForSelector('.page-convolution .picture[aria-busy=false]')
        await drop(tab, '.drop', 'x.png', 'no picture')
        expect(await told('.drop')).toContain('里面没有可以读取的图片')
        await tab.goto(`${server.url}#/zh/classes?data=own`)
        await tab.waitForSelector('.page-classes .picture[aria-busy=false]')
        await drop(tab, '.drop', 'x.csv', '"a')
        expect(await told('.drop')).toContain('里面没有由行和列组成的表格')
        // Another column for the classes has too many of them.
        await drop(tab, '.drop', 'x.csv', 'a,b,c\n1,2,x\n3,4,x\n5,6,y\n7,8,y\n')
        await tab.locator('.table-input select').nth(2).selectOption({ label: 'a' })
        expect(await told('.table-input > .trouble, .table-input')).toContain('表格的类别太多')
      }))
  })
  test('a text', () =>
    open('en/attention', async (tab) => {
      await drop(tab, '.drop', 'x.txt', 'the quick\n  brown fox\n')
      await tab.waitForFunction(() => studio.values.value.sentence === 'the quick brown fox')
    }))
  test('pixels keep their values where alpha is small, which a canvas would change', () =>
    open('en/convolution?picture=own', async (tab) => {
      const pixels = [200, 100, 50, 1, 10, 20, 30, 255, 0, 0, 0, 0, 255, 255, 255, 128]
      const png = encode({
        width: 2,
        height: 2,
        data: Uint8Array.from(pixels),
        channels: 4,
        depth: 8,
      })
      await drop(tab, '.drop', 'x.png', png)
      await tab.waitForFunction(() => (studio.values.value.pixels as string).length === 1568)
      const found = await tab.evaluate(async (base64) => {
        const blob = new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))])
        const own = await studio.run.ask<OwnPicture>('picture', blob)
        const context = new OffscreenCanvas(2, 2).getContext('2d')!
        context.drawImage(await createImageBitmap(blob), 0, 0)
        return { rgba: [...own.rgba], canvas: [...context.getImageData(0, 0, 1, 1).data] }
      }, Buffer.from(png).toString('base64'))
      expect(found.rgba).toEqual(pixels)
      expect(found.canvas).toEqual([255, 0, 0, 1])
      // On white paper a pixel that is hardly there is nearly white.
      expect(((await value(tab, 'pixels')) as string).slice(0, 2)).toBe('fe')
      await drop(tab, '.drop', 'x.png', 'no picture')
      await tab.waitForSelector('.drop [role=alert]')
    }))
  test('a photograph of a digit becomes ink in the middle, and so does one of the camera', () =>
    open('en/digits', async (tab) => {
      // Dark on light gray, with a shadow, off the middle.
      const data = Uint8Array.from({ length: 56 * 56 }, (_, i) => {
        const [x, y] = [i % 56, Math.floor(i / 56)]
        return x > 6 && x < 14 && y > 4 && y < 40 ? 30 : 190 + Math.floor(x / 4)
      })
      const png = encode({ width: 56, height: 56, data, channels: 1, depth: 8 })
      const drawn = () => tab.evaluate(() => (studio.run.frame.value!.drawn as number[]).join())
      const before = await drawn()
      await drop(tab, '.drop', 'x.png', png)
      await tab.waitForFunction(
        (b) => (studio.run.frame.value!.drawn as number[]).join() !== b,
        before,
      )
      const ink = (await drawn()).split(',').map(Number)
      const sum = ink.reduce((a, b) => a + b)
      const middle = ink.reduce((s, v, i) => s + v * (i % 28), 0) / sum
      expect(middle).toBeGreaterThan(12.9)
      expect(middle).toBeLessThan(14.1)
      expect(ink[0]).toBe(0)
      expect(sum).toBeGreaterThan(50)
      await tab.click('.picture-input button')
      await tab.waitForFunction(() => (document.querySelector('video')?.videoWidth ?? 0) > 0)
      const shown = await drawn()
      await tab.click('.picture-input video + .row button')
      await tab.waitForFunction(
        (b) => (studio.run.frame.value!.drawn as number[]).join() !== b,
        shown,
      )
      expect(await tab.$('video')).toBeNull()
    }))
  test('trained weights are kept over a reload, saved for Node, opened again; others are refused', () =>
    open('en/classes', async (tab) => {
      const field = () =>
        tab.evaluate(() => [...(studio.run.frame.value!.fields as Float32Array[])[0]!].join())
      await tab.evaluate(() => studio.run.step(200))
      await tab.waitForFunction(() => studio.run.steps.value === 200)
      const trained = await field()
      const [keep, , save] = (await tab.$$('.weights button')) as never[]
      await tab.click('.weights summary')
      await (keep as { click(): Promise<void> }).click()
      await tab.waitForFunction(() =>
        document.querySelector('.weights [role=status]')?.textContent?.includes('Kept'),
      )
      const [download] = await Promise.all([
        tab.waitForEvent('download'),
        (save as { click(): Promise<void> }).click(),
      ])
      const bytes = new Uint8Array(readFileSync((await download.path())!))
      const { tensors } = parseSafetensors(bytes)
      const model = new nn.Sequential(new nn.Linear(2, 3))
      model.loadStateDict(tensors)
      // The corner of the picture, by Node.
      const corner = model
        .forward(tensor([[-4, 4]]))
        .softmax(1)
        .toTypedArray()[0]!
      expect(Math.abs(corner - Number(trained.split(',')[0]))).toBeLessThan(1e-5)

      await tab.reload()
      await tab.waitForSelector('.picture[aria-busy=false]')
      expect(await field()).not.toBe(trained)
      await tab.click('.weights summary')
      await tab.click('.weights .row button:nth-child(2):not(:disabled)')
      await tab.waitForFunction(
        (want) => [...(studio.run.frame.value!.fields as Float32Array[])[0]!].join() === want,
        trained,
      )
      await tab.evaluate(() => studio.run.step(1))
      await drop(tab, '.weights .drop', 'classes.safetensors', bytes)
      await tab.waitForFunction(
        (want) => [...(studio.run.frame.value!.fields as Float32Array[])[0]!].join() === want,
        trained,
      )
      await drop(tab, '.weights .drop', 'x.safetensors', 'nonsense')
      await tab.waitForFunction(() =>
        document.querySelector('.weights [role=status]')?.textContent?.includes('no weights'),
      )
    }))
})
