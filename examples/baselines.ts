/**
 * What other families of models reach on the same tables: a tree and a support vector machine from npm, and naive Bayes as a normal
 * distribution without correlations for each class.
 */
import { createRequire } from 'node:module'
import { type Tensor, tensor } from 'nabla'
import { GaussianMixture, KNeighborsClassifier, LogisticRegression } from 'nabla/classic'
import { iris, stratifiedSplit, StandardScaler, wine } from 'nabla/data'
import { barChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'

/** A model of npm, which takes rows and labels. */
interface Baseline {
  train(x: number[][], y: number[]): unknown
  predict(x: number[][]): ArrayLike<number>
}
/** A package that only this recipe needs. */
function library(name: string): unknown {
  try {
    return createRequire(import.meta.url)(name)
  } catch (cause) {
    throw new Error(
      `[baselines] the package ${name} must be installed. Run: npm install ml-cart libsvm-js`,
      { cause },
    )
  }
}

/** The class whose share times density is largest: P(x | c) is a product of normal distributions, one for each column. */
function naiveBayes(x: Tensor, y: readonly number[], held: Tensor): number[] {
  const classes = [...new Set(y)].sort((a, b) => a - b)
  const scores = classes.map((c) => {
    const own = y.flatMap((v, i) => (v === c ? [i] : []))
    const model = new GaussianMixture({ covarianceType: 'diag' })
    model.fit(x.indexSelect(0, tensor(own, { dtype: 'int32' })))
    return model
      .scoreSamples(held)
      .add(Math.log(own.length / y.length))
      .toArray() as number[]
  })
  return scores[0]!.map((_, i) => {
    const column = scores.map((s) => s[i]!)
    return classes[column.indexOf(Math.max(...column))]!
  })
}

export default {
  name: 'baselines',
  about:
    'decision tree and support vector machine of npm and naive Bayes beside logistic regression',
  defaults: {},
  whole: true,
  expect: {
    logistic: { atLeast: 0.93 },
    tree: { atLeast: 0.85 },
    bayes: { atLeast: 0.9 },
    svm: { atLeast: 0.93 },
  },
  async run(s) {
    const { DecisionTreeClassifier } = library('ml-cart') as Record<
      string,
      new (
        options?: object,
      ) => Baseline
    >
    const SVM = await (library('libsvm-js') as SvmModule)
    const score: Record<string, number[]> = {
      logistic: [],
      neighbors: [],
      tree: [],
      bayes: [],
      svm: [],
    }
    for (const table of [iris({ dtype: 'float64' }), wine({ dtype: 'float64' })]) {
      const labels = table.y.toTypedArray() as Int32Array
      const parts = stratifiedSplit(table, labels, [0.6, 0.4], { seed: s.options.seed })
      const [fit, held] = parts.map((part) => {
        const index = Array.from({ length: part.length }, (_, i) => part.indices[i]!)
        return {
          x: table.x.indexSelect(0, tensor(index, { dtype: 'int32' })),
          y: index.map((i) => labels[i]!),
        }
      }) as [Part, Part]
      const scaler = new StandardScaler().fit(fit.x)
      const [x, t] = [scaler.transform(fit.x), scaler.transform(held.x)]
      const rows = x.toArray() as number[][]
      const right = (got: ArrayLike<number>) =>
        held.y.reduce((n, c, i) => n + (got[i] === c ? 1 : 0), 0) / held.y.length
      const by = (model: Baseline) => {
        model.train(rows, fit.y)
        return right(model.predict(t.toArray() as number[][]))
      }
      score.logistic!.push(new LogisticRegression().fit(x, fit.y).score(t, held.y))
      score.neighbors!.push(new KNeighborsClassifier().fit(x, fit.y).score(t, held.y))
      score.tree!.push(by(new DecisionTreeClassifier!({ maxDepth: 6 })))
      score.bayes!.push(right(naiveBayes(x, fit.y, t)))
      const svm = new SVM({
        kernel: SVM.KERNEL_TYPES.RBF,
        type: SVM.SVM_TYPES.C_SVC,
        gamma: 1 / x.shape[1]!,
        cost: 1,
        quiet: true,
      })
      score.svm!.push(by(svm))
    }
    const result = Object.fromEntries(
      Object.entries(score).map(([name, v]) => [name, (v[0]! + v[1]!) / 2]),
    )
    for (const [name, v] of Object.entries(result))
      s.say(`${name.padStart(10)}: ${v.toFixed(4)} right, iris and wine together`)
    await s.picture('baselines.svg', barChart(result, { title: 'iris and wine', y: 'accuracy' }))
    return result
  },
} satisfies Recipe

interface Part {
  x: Tensor
  y: number[]
}
type SvmModule = Promise<{
  new (options: object): Baseline
  KERNEL_TYPES: Record<'RBF', unknown>
  SVM_TYPES: Record<'C_SVC', unknown>
}>
