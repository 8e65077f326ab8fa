import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Recipe, runRecipe } from 'nabla/recipe'
import { afterAll, describe, expect, test, vi } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'nabla-'))
afterAll(() => rmSync(folder, { recursive: true }))

const recipes: [string, Recipe][] = await Promise.all(
  readdirSync(new URL('../../examples', import.meta.url))
    .filter((f) => f.endsWith('.ts'))
    .map(async (f): Promise<[string, Recipe]> => {
      const { default: recipe } = await import(`../../examples/${f}`)
      return [f.slice(0, -3), recipe]
    }),
)
/** Fashion-MNIST comes from a package of Debian's, which others need not have. */
const lacks = (name: string) =>
  name === 'fashion' && !existsSync('/usr/share/datasets/fashion-mnist')

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
  test('is named as its file, and says what it is', () => {
    expect(recipe.name).toBe(name)
    expect(recipe.about.length).toBeGreaterThan(20)
    expect(Object.keys(recipe.expect).length).toBeGreaterThan(0)
  })

  test.skipIf(lacks(name))(
    'runs on a few examples and saves its run',
    async () => {
      const { out, end } = await run(recipe, { limit: 256, epochs: 1 })
      expect(end.event).toBe('end')
      expect(end.checked).toBe(false)
      for (const measure of Object.keys(recipe.expect)) expect(end[measure]).toBeTypeOf('number')
      const files = readdirSync(out)
      expect(files).toContain('config.json')
      expect(files.some((f) => /\.(svg|png)$/.test(f))).toBe(true)
      const first = readFileSync(join(out, 'metrics.jsonl'), 'utf8').split('\n', 1)[0]!
      expect(JSON.parse(first).task).toBe(name)
    },
    120_000,
  )
})

// Those that take seconds, with all of their data; the others are run by hand: `nabla train NAME`.
const quick = ['softmax', 'sunspots', 'vanishing', 'lenet']
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
