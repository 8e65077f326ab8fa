/** Cyclic redundancy checks of 32 bits: every changed bit, and every burst of up to 32, is noticed. */

function tables(polynomial: number): Uint32Array[] {
  const first = Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ polynomial : c >>> 1
    return c >>> 0
  })
  const all = [first]
  for (let k = 1; k < 8; k++) all.push(all[k - 1]!.map((c) => (first[c & 255]! ^ (c >>> 8)) >>> 0))
  return all
}

/** A check by its polynomial, bits reversed. Eight bytes a turn: Kounavis and Berry, 2005, "slicing by 8". */
function crc(polynomial: number): (bytes: Uint8Array) => number {
  let made: Uint32Array[] | undefined
  return (bytes) => {
    made ??= tables(polynomial)
    const [t0, t1, t2, t3, t4, t5, t6, t7] = made as [
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
    ]
    let c = -1
    let i = 0
    for (; i + 8 <= bytes.length; i += 8) {
      const low =
        c ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24))
      c =
        t7[low & 255]! ^
        t6[(low >>> 8) & 255]! ^
        t5[(low >>> 16) & 255]! ^
        t4[low >>> 24]! ^
        t3[bytes[i + 4]!]! ^
        t2[bytes[i + 5]!]! ^
        t1[bytes[i + 6]!]! ^
        t0[bytes[i + 7]!]!
    }
    for (; i < bytes.length; i++) c = t0[(c ^ bytes[i]!) & 255]! ^ (c >>> 8)
    return (c ^ -1) >>> 0
  }
}

/** CRC-32 as in gzip and PNG; that of '123456789' is 0xcbf43926. */
export const crc32: (bytes: Uint8Array) => number = crc(0xedb88320)
/** CRC-32C (Castagnoli), as in TensorBoard's files. */
export const crc32c: (bytes: Uint8Array) => number = crc(0x82f63b78)
