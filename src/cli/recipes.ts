/** The recipes that the package holds: each file of dist/examples is one. */
import { readdirSync } from 'node:fs'
import { ValueError } from '../core/errors.js'
import type { Answers, Classifier, Finder, Painter, Recipe } from './recipe.js'

const folder = new URL('../examples/', import.meta.url)

function names(): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.js'))
    .map((file) => file.slice(0, -3))
    .sort()
}

/** @throws ValueError that lists the names when there is none of this one */
export async function loadRecipe(name: string, op = 'train'): Promise<Recipe> {
  if (!names().includes(name))
    throw new ValueError({
      op,
      rule: 'there must be a recipe of this name',
      got: name,
      fix: `There are ${op === 'sweep' ? '' : 'digits, '}${names().join(', ')}.`,
    })
  return ((await import(new URL(`${name}.js`, folder).href)) as { default: Recipe }).default
}

/** How the runs of a recipe classify images, if they do. @throws ValueError when there is no such recipe */
export const loadClassifier = async (name: string): Promise<Classifier | undefined> =>
  name === 'digits'
    ? (await import('./digits.js')).classifier
    : (await loadRecipe(name, 'predict')).classifier

/** How the runs of a recipe answer texts, if they do and there is such a recipe. */
export const loadAnswers = async (name: string): Promise<Answers | undefined> =>
  names().includes(name) ? (await loadRecipe(name, 'predict')).answers : undefined

/** How the runs of a recipe find things in pictures, if they do and there is such a recipe. */
export const loadFinder = async (name: string): Promise<Finder | undefined> =>
  names().includes(name) ? (await loadRecipe(name, 'predict')).finder : undefined

/** How the runs of a recipe make pictures, if they do and there is such a recipe. */
export const loadPainter = async (name: string): Promise<Painter | undefined> =>
  names().includes(name) ? (await loadRecipe(name, 'predict')).painter : undefined

/** Prints every recipe with its line. */
export async function listRecipes(): Promise<void> {
  const recipes = await Promise.all(names().map((name) => loadRecipe(name)))
  const width = Math.max(...recipes.map((r) => r.name.length), 'digits'.length)
  process.stdout.write('nabla train RECIPE, where RECIPE is one of\n\n')
  const line = (name: string, about: string) =>
    process.stdout.write(`  ${name.padEnd(width)}  ${about}\n`)
  line('digits', 'the handwritten-digit network 784-16-16-10 on MNIST, with options of its own')
  for (const r of recipes) line(r.name, r.about)
}
