/** PNG and JPEG of every kind, against libpng and libjpeg. */
import { describe, expect, test } from 'vitest'
import { decodeImage } from '../../src/core/image.js'
import { golden } from './fixture.js'

const bytesOf = (base64: unknown) => new Uint8Array(Buffer.from(base64 as string, 'base64'))

describe('the numbers of other decoders', () => {
  test.each(golden('pictures'))('$name', ({ file, shape, top, values, tolerance }) => {
    const { width, height, channels, data } = decodeImage(bytesOf(file))
    expect([height, width, channels]).toEqual(shape)
    const want = bytesOf(values)
    const view = new DataView(want.buffer)
    let worst = 0
    for (let i = 0; i < data.length; i++)
      worst = Math.max(
        worst,
        Math.abs(data[i]! - Math.fround(view.getUint16(2 * i) / (top as number))),
      )
    expect(data.length).toBe(want.length / 2)
    expect(worst).toBeLessThanOrEqual((tolerance as number) * 1.0001)
  })
})
