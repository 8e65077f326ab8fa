#!/bin/bash
# fast-png 8.0.0 (npm, MIT). Two valid PNG files that libpng reads, made here byte by byte:
#  1. RGB, 1x1 pixel, with a transparent color (a tRNS chunk of three 16-bit samples, PNG 3rd edition, 11.3.1.1).
#     Seen: it throws "tRNS chunk contains more alpha values than there are pixels (3 vs 1)".
#     The chunk of this color type holds one color, not a value for each pixel.
#  2. Gray, 2 bits a sample, interlaced (Adam7), 2x2 pixels with the samples 0 1 / 2 3.
#     Seen: no error, but other samples than those that were written.
# Ends with 0 while both are so, with 1 when one has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --ignore-scripts fast-png@8.0.0 >/dev/null
cat > check.mjs <<'JS'
import { crc32, deflateSync } from 'node:zlib'
import { decode } from 'fast-png'

const chunk = (kind, body) => {
  const named = Buffer.concat([Buffer.from(kind), body])
  const ends = Buffer.alloc(8)
  ends.writeUInt32BE(body.length, 0)
  ends.writeUInt32BE(crc32(named), 4)
  return Buffer.concat([ends.subarray(0, 4), named, ends.subarray(4)])
}
const png = (width, height, depth, type, interlace, raw, ...extra) => {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([depth, type, 0, 0, interlace], 8)
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    ...extra,
    chunk('IDAT', deflateSync(Buffer.from(raw))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

let first = 'no error'
try {
  decode(png(1, 1, 8, 2, 0, [0, 10, 20, 30], chunk('tRNS', Buffer.from([0, 10, 0, 20, 0, 30]))))
} catch (error) {
  first = error.message
}
console.log('1. RGB with a transparent color, one pixel:', first)

// Passes of 2x2 pixels: 1 has (0,0), 6 has (1,0), 7 has the second row; each line is a filter byte and packed samples.
let second
try {
  const { data } = decode(png(2, 2, 2, 0, 1, [0, 0b00000000, 0, 0b01000000, 0, 0b10110000]))
  const [a, b] = data.length === 2 ? data : [data[0], data[1]]
  // Lines begin at whole bytes: 0 1 is 0b00010000, 2 3 is 0b10110000.
  second = data.length === 2 && a === 0b00010000 && b === 0b10110000 ? 'right' : `wrong: ${[...data].join(' ')}`
} catch (error) {
  second = `wrong: ${error.message}`
}
console.log('2. gray of 2 bits, interlaced, 2x2:', second)
process.exit(first.includes('tRNS') && second.startsWith('wrong') ? 0 : 1)
JS
node check.mjs
