/**
 * Style transfer between two photographs (Gatys, Ecker and Bethge, 2015): a picture is changed until its features are those of one photograph and
 * their Gram matrices those of the other. The features are of random filters that nobody has trained.
 */
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { compile, concat, FileError, manualSeed, mseLoss, noGrad, type Tensor } from 'nabla'
import { gramMatrix, RandomFeatures } from 'nabla/models'
import { Adam } from 'nabla/optim'
import { imageGrid, lineChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'
import { readImage, resize, toPng } from 'nabla/vision'

const FOLDER = '/usr/lib/python3/dist-packages/sklearn/datasets/images'

/** A photograph of the folder, or a file by its path, as (1, 3, H, W) of `side` columns. @throws FileError that says how to get it */
function photograph(folder: string, file: string, side: number): Tensor {
  const path = existsSync(file) ? file : join(folder, file)
  if (!existsSync(path))
    throw new FileError({
      op: 'style',
      rule: `the photograph ${file} must be in ${folder}`,
      got: 'none',
      fix: 'Run `apt-get install python3-sklearn` (Debian), or give photographs of yours by --first and --second.',
    })
  const x = readImage(path, 'RGB').unsqueeze(0)
  const [h, w] = x.shape.slice(2) as [number, number]
  return resize([Math.max(16, Math.round((h * side) / w)), side])(x)
}

/** Mean squared difference of neighbouring pixels. */
function rough(x: Tensor): Tensor {
  const [h, w] = x.shape.slice(2) as [number, number]
  const down = x.narrow(2, 1, h - 1).sub(x.narrow(2, 0, h - 1))
  const right = x.narrow(3, 1, w - 1).sub(x.narrow(3, 0, w - 1))
  return down.square().mean().add(right.square().mean())
}

export default {
  name: 'style',
  about: 'style transfer between two photographs by Gram matrices of random filters',
  data: 'a folder of china.jpg and flower.jpg',
  // An epoch is ten steps, a batch one picture.
  defaults: { epochs: 15, lr: 0.02 },
  whole: true,
  quick: { epochs: 2 },
  options: {
    first: { about: 'a photograph, PNG or JPEG', default: 'china.jpg' },
    second: {
      about: 'the photograph that it gives its style to, and takes it from',
      default: 'flower.jpg',
    },
    side: { about: 'columns of the pictures', default: '192' },
    weight: { about: 'of the style, against the content', default: '2', real: true },
    smooth: { about: 'weight of the differences of neighbouring pixels', default: '0.004' },
  },
  // Style loss that is left, of that of the photograph itself; content loss, of that of the other photograph.
  expect: { style: { atMost: 0.08 }, content: { atMost: 0.5 } },
  async run(s) {
    const { epochs, lr, seed, data = FOLDER, own = {} } = s.options
    const [side, weight, smooth] = [own.side, own.weight, own.smooth].map(Number) as [
      number,
      number,
      number,
    ]
    const files = [own.first!, own.second!]
    const photographs = files.map((file) => photograph(data, file, side))
    // The files of the run are named after them, by their order where both have one name.
    const stems = files.map((file) => basename(file).replace(/\.[^.]*$/, ''))
    const names = stems[0] === stems[1] ? stems.map((stem, i) => `${stem}-${i + 1}`) : stems
    manualSeed(seed)
    const network = new RandomFeatures()
    const last = network.stages.length - 2
    const measures = { style: 0, content: 0 }
    const results: Tensor[] = []
    for (const [i, name] of names.entries()) {
      const [content, style] = [photographs[i]!, photographs[1 - i]!]
      const of = noGrad(() => network.forward(content))
      const other = noGrad(() => network.forward(style))
      // Each layer counts as much as any: its distance is divided by that of the two photographs.
      const grams = other.map((f) => gramMatrix(f))
      const apart = noGrad(() => of.map((f, k) => mseLoss(gramMatrix(f), grams[k]!).item()))
      // Random filters see what alternates from pixel to pixel badly: it is held at what photographs have.
      const even = Math.max(...photographs.map((p) => rough(p).item()))
      // Photographs of two forms: the other one in the form of this.
      const formed = resize(content.shape.slice(2) as [number, number])(style)
      const far = mseLoss(noGrad(() => network.forward(formed))[last]!, of[last]!).item()
      const losses = (x: Tensor): [Tensor, Tensor] => {
        const features = network.forward(x)
        const styles = features.map((f, k) => mseLoss(gramMatrix(f), grams[k]!).div(apart[k]!))
        const sum = styles.reduce((a, b) => a.add(b))
        return [sum.div(styles.length), mseLoss(features[last]!, of[last]!).div(far)]
      }
      const x = content.clone()
      x.requiresGrad = true
      const optimizer = new Adam([x], { lr })
      const step = compile(() => {
        const [a, b] = losses(x)
        optimizer.zeroGrad()
        a.mul(weight)
          .add(b)
          .add(rough(x).mul(smooth / even))
          .backward()
        optimizer.step()
        noGrad(() => x.assign(x.clamp(0, 1)))
        return [a.detach(), b.detach()] as const
      })
      const curves = { style: [] as number[], content: [] as number[] }
      for (let epoch = 0; epoch < epochs; epoch++) {
        let now: readonly [Tensor, Tensor] | undefined
        for (let k = 0; k < 10; k++) now = step()
        const [a, b] = now!.map((t) => t.item()) as [number, number]
        curves.style.push(a)
        curves.content.push(b)
        s.emit({ event: 'epoch', run: name, epoch, style: a, content: b })
      }
      step.free()
      const [a, b] = noGrad(() => losses(x)).map((t) => t.item()) as [number, number]
      s.say(
        `${name} in the style of ${names[1 - i]}: style loss ${(100 * a).toFixed(1)} % of the photograph's, content loss ${(100 * b).toFixed(1)} % of the other photograph's`,
      )
      measures.style = Math.max(measures.style, a)
      measures.content = Math.max(measures.content, b)
      const made = x.detach()
      results.push(made)
      await s.picture(`${name}.png`, toPng(made.squeeze(0)))
      await s.picture(
        `${name}-loss.svg`,
        lineChart(curves, {
          title: name,
          x: 'epoch of ten steps',
          y: 'share of the loss',
          logY: true,
        }),
      )
    }
    // Where both photographs have one size, all four side by side.
    const all = [...photographs, ...results]
    if (all.every((t) => `${t.shape}` === `${all[0]!.shape}`))
      await s.picture('all.png', imageGrid(concat(all, 0), { columns: 2, scale: 1, range: [0, 1] }))
    return measures
  },
} satisfies Recipe
