// Fréchet distances of a run of `nabla train gan` and of samples that bench/dcgan.py wrote, by the run's own classifier.
import { join } from 'node:path'
import { concat, manualSeed, noGrad } from 'nabla'
import { mnist } from 'nabla/data'
import { loadNpy, loadTensors } from 'nabla/io'
import { ConvNet, DCGANGenerator } from 'nabla/models'
import { classCoverage, frechetDistance } from 'nabla/train'

const [run, file] = process.argv.slice(2)
const load = (model, name) => {
  const { tensors, metadata } = loadTensors(join(run, name))
  const made = model(JSON.parse(metadata.run).config)
  made.loadStateDict(tensors)
  return made.eval()
}
const judge = load(() => new ConvNet(), 'judge.safetensors')
const generator = load(({ width }) => new DCGANGenerator({ ngf: width }), 'generator.safetensors')
const pieces = (n, f) =>
  concat(
    Array.from({ length: n / 500 }, (_, i) => noGrad(() => f(i * 500))),
    0,
  )
const features = (x) => pieces(x.shape[0], (i) => judge.features(x.narrow(0, i, 500)))
const { test } = mnist({ shape: [1, 28, 28], mean: 0.5, std: 0.5 })
const real = features(test.batch(Int32Array.from(test.labels.keys()))[0])
manualSeed(100)
const sets = { nabla: pieces(10_000, () => generator.sample(500)), torch: loadNpy(file) }
const distances = {}
for (const [name, pictures] of Object.entries(sets)) {
  const own = features(pictures)
  const { covered } = classCoverage(
    noGrad(() => judge.fc3.forward(own).argmax(1)),
    10,
  )
  distances[name] = frechetDistance(own, real)
  console.log(`${name}: Fréchet distance ${distances[name].toFixed(3)}, ${covered} of 10 digits`)
}
console.log(`ratio ${(distances.nabla / distances.torch).toFixed(3)}`)
