/** The product of two 32-bit words as high and low word. */
function mulHigh(a: number, b: number): number {
  const al = a & 0xffff
  const ah = a >>> 16
  const bl = b & 0xffff
  const bh = b >>> 16
  const mid = ah * bl + ((al * bl) >>> 16)
  const mid2 = al * bh + (mid % 65536)
  return (ah * bh + Math.floor(mid / 65536) + Math.floor(mid2 / 65536)) | 0
}

/**
 * Random words by Philox4x32-10: out[j] is word i mod 4, i = index0 + j, of the block with the counter
 * (⌊i/4⌋ low, ⌊i/4⌋ high, counterBlock, 0). Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011.
 */
export function philox(
  keyLo: number,
  keyHi: number,
  counterBlock: number,
  index0: number,
  out: Int32Array,
): void {
  let at = -1
  let [x0, x1, x2, x3] = [0, 0, 0, 0]
  for (let j = 0; j < out.length; j++) {
    const i = index0 + j
    const block = Math.floor(i / 4)
    if (block !== at) {
      at = block
      x0 = block | 0
      x1 = Math.floor(block / 2 ** 32) | 0
      x2 = counterBlock
      x3 = 0
      let k0 = keyLo | 0
      let k1 = keyHi | 0
      for (let round = 0; round < 10; round++) {
        const h0 = mulHigh(0xd2511f53, x0 >>> 0)
        const l0 = Math.imul(0xd2511f53, x0)
        const h1 = mulHigh(0xcd9e8d57, x2 >>> 0)
        const l1 = Math.imul(0xcd9e8d57, x2)
        x0 = h1 ^ x1 ^ k0
        x1 = l1
        x2 = h0 ^ x3 ^ k1
        x3 = l0
        k0 = (k0 + 0x9e3779b9) | 0
        k1 = (k1 + 0xbb67ae85) | 0
      }
    }
    const w = i % 4
    out[j] = w === 0 ? x0 : w === 1 ? x1 : w === 2 ? x2 : x3
  }
}
