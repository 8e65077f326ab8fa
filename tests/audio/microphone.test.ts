/** Microphones, with a browser's parts as far as they are used; tests/browser/microphone.test.ts opens one in Chromium. */
import { microphone } from 'nabla/audio'
import { afterEach, expect, test, vi } from 'vitest'

afterEach(() => vi.unstubAllGlobals())

interface Port {
  onmessage: ((e: { data: Float32Array }) => void) | null
}
function page(getUserMedia: () => Promise<unknown>) {
  const port: Port = { onmessage: null }
  const closed: string[] = []
  vi.stubGlobal('isSecureContext', true)
  vi.stubGlobal('navigator', { mediaDevices: { getUserMedia } })
  vi.stubGlobal(
    'AudioContext',
    class {
      sampleRate = 100
      audioWorklet = { addModule: async () => {} }
      createMediaStreamSource = () => ({ connect: () => {} })
      resume = async () => {}
      close = async () => void closed.push('context')
    },
  )
  vi.stubGlobal(
    'AudioWorkletNode',
    class {
      port = port
    },
  )
  return { port, closed, media: { getTracks: () => [{ stop: () => closed.push('track') }] } }
}

test('outside of a page, and in a page that is not secure', async () => {
  await expect(microphone()).rejects.toThrow(
    /\[microphone\] a microphone can be opened in a page.*readWav/,
  )
  page(async () => ({}))
  vi.stubGlobal('isSecureContext', false)
  await expect(microphone()).rejects.toThrow(/by https or from localhost only/)
})

test.each([
  ['NotAllowedError', /the user must allow the microphone; got NotAllowedError: no/],
  ['NotFoundError', /there must be a microphone/],
  ['NotReadableError', /must be free/],
  ['OtherError', /the browser must give the microphone; got OtherError/],
])('%s', async (name, words) => {
  page(() => Promise.reject(Object.assign(new Error('no'), { name })))
  await expect(microphone()).rejects.toThrow(words)
})

test('pieces in their order; what no one reads is dropped; leaving the loop closes', async () => {
  const parts = page(async () => parts.media)
  const mic = await microphone({ bufferSeconds: 0.08 })
  const piece = (v: number) => parts.port.onmessage!({ data: Float32Array.of(v, v, v, v) })
  for (const v of [1, 2, 3]) piece(v)
  expect(mic.dropped).toBe(4)
  const seen: number[] = []
  for await (const p of mic) {
    seen.push(p[0]!)
    if (p[0] === 3) setTimeout(() => piece(4), 1)
    if (p[0] === 4) break
  }
  expect(seen).toEqual([2, 3, 4])
  expect(parts.closed).toEqual(['track', 'context'])
  const after = mic[Symbol.asyncIterator]()
  expect((await after.next()).done).toBe(true)
})

test('who waits when it is stopped gets the end; a worklet that fails closes the microphone', async () => {
  const parts = page(async () => parts.media)
  const mic = await microphone()
  const waits = mic[Symbol.asyncIterator]().next()
  await mic.stop()
  expect((await waits).done).toBe(true)
  vi.stubGlobal(
    'AudioWorkletNode',
    class {
      constructor() {
        throw new Error('broken')
      }
    },
  )
  await expect(microphone()).rejects.toThrow(/must open its sound; got Error: broken/)
  expect(parts.closed).toEqual(['track', 'context', 'track', 'context'])
  await expect(microphone({ chunkSize: 0 })).rejects.toThrow(/chunkSize/)
})
