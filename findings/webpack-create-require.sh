#!/bin/bash
# webpack 5.113.0, target node: `createRequire(url)` from node:module becomes `undefined` in the bundle, and the build
# succeeds with a warning ("module.createRequire failed parsing argument").
#
# The program below is valid and prints "function 4" in Node. In the bundle the constant is the word `undefined`, so its
# call ends in a TypeError. The call of the same function by the module's object (nodeModule.createRequire) stays as it is.
# Seen: node prints "function 4", the bundle "undefined"; by the object both print "function 4".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "private": true }' > package.json
npm install --silent --no-audit --no-fund --ignore-scripts webpack@5.113.0
cat > by-name.mjs <<'END'
import { createRequire } from 'node:module'
const here = new URL(import.meta.url)
const load = createRequire(here)
console.log(typeof load, load ? load('node:path').basename('/a/four').length : '')
END
sed "s/import { createRequire } from/import nodeModule from/; s/= createRequire/= nodeModule.createRequire/" by-name.mjs > by-object.mjs
cat > build.cjs <<'END'
const webpack = require('webpack')
const [entry] = process.argv.slice(2)
webpack(
  { mode: 'production', target: 'node', context: __dirname, entry: `./${entry}.mjs`,
    output: { path: __dirname, filename: `${entry}.cjs` } },
  (error, stats) => { if (error || stats.hasErrors()) throw error ?? new Error(stats.toString()) },
)
END
for name in by-name by-object; do
  node build.cjs "$name"
  echo "$name: node prints \"$(node $name.mjs)\", the bundle \"$(node $name.cjs)\""
done
[ "$(node by-name.mjs)" = "function 4" ]
[ "$(node by-name.cjs | tr -d ' ')" = "undefined" ]
[ "$(node by-object.cjs)" = "function 4" ]
