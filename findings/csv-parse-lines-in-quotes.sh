#!/bin/bash
# csv-parse 7.0.3 (npm, MIT): with `info: true` every record comes with `info.lines`, "the number of lines encountered"
# (https://csv.js.org/parse/info/). A line end \r\n within a quoted cell counts as two lines, one outside of quotes and a
# \n within quotes as one, so that the line numbers of everything behind it are too large.
# Seen for 'a,b\r\n"1\r\nx",2\r\n3,4\r\n', a file of four lines: 1, 4, 5; with \n in the place of \r\n: 1, 3, 4.
# Ends with 0 while it is so, with 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --ignore-scripts csv-parse@7.0.3 >/dev/null
cat > check.mjs <<'JS'
import { parse } from 'csv-parse/sync'
const lines = (text) => parse(text, { info: true }).map(({ info }) => info.lines).join(', ')
const windows = lines('a,b\r\n"1\r\nx",2\r\n3,4\r\n')
const unix = lines('a,b\n"1\nx",2\n3,4\n')
console.log(`\\r\\n: ${windows}; \\n: ${unix}`)
process.exit(windows === '1, 4, 5' && unix === '1, 3, 4' ? 0 : 1)
JS
node check.mjs
