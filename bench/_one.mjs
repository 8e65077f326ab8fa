import * as nabla from 'nabla'
import * as models from 'nabla/models'
import * as nn from 'nabla/nn'
import * as optim from 'nabla/optim'
import { cases } from './cases.mjs'
const [name, threads = '1', secs = '1'] = process.argv.slice(2)
nabla.setNumThreads(+threads)
const c = cases.find((x) => x.name === name)
const f = c.nabla({ nabla, nn, optim, models }, c.args)
f()
f()
f()
const ts = []
const end = performance.now() + secs * 1000
while (performance.now() < end) {
  const a = performance.now()
  f()
  ts.push(performance.now() - a)
}
ts.sort((a, b) => a - b)
console.log(name, 'median', ts[ts.length >> 1].toFixed(3), 'min', ts[0].toFixed(3), ts.length)
