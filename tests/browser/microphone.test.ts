/** The microphone of a page in Chromium, whose stand-in for a device beeps once a second. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { importMap, launch, root, type Served, serve, without } from './chromium.js'

describe.skipIf(without)('in Chromium', () => {
  let server: Served
  let browser: Browser
  beforeAll(async () => {
    server = await serve(root, {
      '/plain.html': `<!doctype html><title>nabla</title>${importMap()}`,
    })
    browser = await launch([
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
      '--autoplay-policy=no-user-gesture-required',
    ])
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    server?.close()
  })
  const inPage = async <T>(code: string, allowed: boolean): Promise<T> => {
    const context = await browser.newContext(allowed ? { permissions: ['microphone'] } : {})
    const tab = await context.newPage()
    try {
      await tab.goto(`${server.url}/plain.html`)
      return await tab.evaluate<T>(
        `(async () => { const { microphone } = await import('nabla/audio'); ${code} })()`,
      )
    } finally {
      await context.close()
    }
  }

  test('gives its sound in pieces at the rate that is asked for, until it is stopped', async () => {
    const { rate, lengths, loudest, end } = await inPage<{
      rate: number
      lengths: number[]
      loudest: number
      end: boolean
    }>(
      `const mic = await microphone({ sampleRate: 16000, chunkSize: 1600 })
       const lengths = []
       let loudest = 0
       for await (const piece of mic) {
         lengths.push(piece.length)
         for (const v of piece) loudest = Math.max(loudest, Math.abs(v))
         if (lengths.length === 15) await mic.stop() // 1.5 s: at least one beep
       }
       return { rate: mic.sampleRate, lengths, loudest, end: (await mic[Symbol.asyncIterator]().next()).done }`,
      true,
    )
    expect(rate).toBe(16000)
    expect(lengths.length).toBeGreaterThanOrEqual(15)
    expect(new Set(lengths)).toEqual(new Set([1600]))
    expect(loudest).toBeGreaterThan(0.05)
    expect(loudest).toBeLessThan(1.2)
    expect(end).toBe(true)
  }, 30_000)

  test('a device that is not there: an error that says what to do', async () => {
    const said = await inPage<string>(
      `try { await microphone({ deviceId: 'none' }); return 'no error' } catch (e) { return e.name + ' ' + e.message }`,
      true,
    )
    expect(said).toMatch(/^BackendError .*microphone/)
    expect(said).toContain('deviceId')
  }, 30_000)
})
