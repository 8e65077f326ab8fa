#!/bin/bash
# ml-naivebayes 4.0.0 (npm, MIT): GaussianNB predicts from the first two columns of its data only, however many there are:
# the loop over features in getCurrentClass ends at the length of a pair of constants instead of at the number of means.
# Here the third column alone tells the classes apart (0 and 10, deviation 0.1) and the first two are the same for both.
# Seen: every row gets class 0, 4 of 8 right; with the informative column first all 8 are right.
# Ends with 0 while it is so, with 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --ignore-scripts ml-naivebayes@4.0.0 >/dev/null
cat > check.mjs <<'JS'
import { GaussianNB } from 'ml-naivebayes'
const same = [[1, 5], [2, 6], [3, 5], [4, 6]]
const noise = [-0.1, 0.1, 0.1, -0.1]
const y = [0, 0, 0, 0, 1, 1, 1, 1]
const last = [0, 10].flatMap((c) => same.map(([a, b], i) => [a, b, c + noise[i]]))
const first = last.map(([a, b, c]) => [c, a, b])
const right = (x) => {
  const model = new GaussianNB()
  model.train(x, y)
  return model.predict(x).filter((c, i) => c === y[i]).length
}
const got = [right(last), right(first)]
console.log(`informative column third: ${got[0]} of 8 right; first: ${got[1]} of 8`)
process.exit(got[0] === 4 && got[1] === 8 ? 0 : 1)
JS
node check.mjs
