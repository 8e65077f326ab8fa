#!/bin/bash
# tokenizers 0.23.2 (npm, Apache-2.0, the Rust library of Hugging Face): the scores of a Unigram model are float64 and stand in
# tokenizer.json with all their digits, but some are read one unit in the last place wrong, so that a file that is read and
# saved again has other numbers than before.
# Seen: -7.8409024371815415 becomes -7.840902437181541, -8.5 stays.
# Ends with 0 while it is so, with 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --ignore-scripts tokenizers@0.23.2 >/dev/null
cat > check.mjs <<'JS'
import { readFileSync } from 'node:fs'
import { Tokenizer } from 'tokenizers'
const scores = [-7.8409024371815415, -8.5]
const vocab = [['<unk>', 0], ...scores.map((s, i) => [`t${i}`, s])]
const tokenizer = Tokenizer.fromString(
  JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model: { type: 'Unigram', unk_id: 0, vocab, byte_fallback: false },
  }),
)
tokenizer.save('saved.json')
const [first, second] = JSON.parse(readFileSync('saved.json', 'utf8')).model.vocab.slice(1)
console.log(`${scores[0]} -> ${first[1]}, ${scores[1]} -> ${second[1]}`)
process.exit(first[1] === -7.840902437181541 && second[1] === -8.5 ? 0 : 1)
JS
node check.mjs
