#!/bin/bash
# tokenizers 0.23.2 (npm, Apache-2.0, the Rust library of Hugging Face): a text that truncation cuts is read no further than
# the cut. `getOverflowing()`, which is to hold the parts that were cut off, then lacks most or all of them, and with direction
# "Left" the word ids of what is left count from the cut instead of from the beginning of the text.
# Seen for 20 words and max_length 4, stride 0: Right and Left both give no part at all where there are 16 more words (4 parts),
# and Left gives the word ids 0, 1, 2, 3 for the words 16 to 19.
# Ends with 0 while it is so, with 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --ignore-scripts tokenizers@0.23.2 >/dev/null
cat > check.mjs <<'JS'
import { Tokenizer } from 'tokenizers'
const words = Array.from({ length: 20 }, (_, i) => `w${i}`)
const tokenizerOf = (direction) =>
  Tokenizer.fromString(
    JSON.stringify({
      version: '1.0',
      truncation: { direction, max_length: 4, strategy: 'LongestFirst', stride: 0 },
      padding: null,
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: { type: 'WhitespaceSplit' },
      post_processor: null,
      decoder: null,
      model: {
        type: 'WordLevel',
        vocab: Object.fromEntries(words.map((w, i) => [w, i])),
        unk_token: 'w0',
      },
    }),
  )
let same = true
for (const [direction, tokens] of [['Right', 'w0 w1 w2 w3'], ['Left', 'w16 w17 w18 w19']]) {
  const e = await tokenizerOf(direction).encode(words.join(' '))
  const parts = e.getOverflowing().length
  console.log(direction, e.getTokens().join(' '), '| word ids', e.getWordIds().join(' '), '| parts cut off', parts)
  same &&= e.getTokens().join(' ') === tokens && e.getWordIds().join(' ') === '0 1 2 3' && parts === 0
}
process.exit(same ? 0 : 1)
JS
node check.mjs
