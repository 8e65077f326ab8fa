// A short training on every backend, in the Node that runs it; prints the bits of the final weights.
import { createHash } from 'node:crypto'
import { argv } from 'node:process'
import { pathToFileURL } from 'node:url'

// Node 20 has no relaxed SIMD, whose multiply-add rounds once: all take the file without it.
WebAssembly.validate = () => false

const from = (name) => import(pathToFileURL(`${argv[2]}/${name}`).href)
const nabla = await from('index.js')
const nn = await from('nn/index.js')
const optim = await from('optim/index.js')

const schedules = {
  multi: (o) => new optim.MultiStepLR(o, [1, 1, 1, 1, 3, 5], { gamma: 0.9 }),
  noam: (o) => new optim.NoamLR(o, 64, 7),
  exponential: (o) => new optim.ExponentialLR(o, 0.9),
  polynomial: (o) => new optim.PolynomialLR(o, { totalIters: 30, power: 0.9 }),
  cosine: (o) => new optim.CosineAnnealingLR(o, 20),
}
const result = {}
for (const backend of ['native', 'wasm', 'reference'])
  for (const [name, make] of Object.entries(schedules)) {
    nabla.setBackend(backend)
    nabla.manualSeed(3)
    const model = new nn.Sequential(
      new nn.Linear(5, 12),
      new nn.GELU(),
      new nn.LayerNorm(12),
      new nn.Dropout(0.2),
      new nn.Linear(12, 3),
    )
    nn.init.orthogonal(model.at(0).weight)
    nn.init.truncatedNormal(model.at(4).weight, 0, 0.3)
    const optimizer = new optim.AdamW(model.parameters(), { lr: 0.02, weightDecay: 0.01 })
    const schedule = make(optimizer)
    const x = nabla.normal([32, 5])
    const y = nabla.randint(0, 3, [32])
    const step = nabla.compile(() => {
      const loss = nabla
        .crossEntropy(model.forward(x), y)
        .add(model.at(0).weight.abs().pow(1.7).mean())
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
      return loss
    })
    const hash = createHash('sha256')
    for (let i = 0; i < 20; i++) {
      step()
      schedule.step()
      // Rates are float64; most of their last bits are lost in float32.
      hash.update(new Uint8Array(Float64Array.of(optimizer.lr).buffer))
    }
    if (backend === 'reference')
      hash.update(new Uint8Array(x.abs().to('float64').pow(1.7).toTypedArray().buffer))
    for (const p of model.parameters()) hash.update(new Uint8Array(p.toTypedArray().buffer))
    result[`${backend} ${name}`] = hash.digest('hex').slice(0, 16)
  }
process.stdout.write(JSON.stringify(result))
