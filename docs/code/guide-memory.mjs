import { compile, randn, tidy, zeros } from 'nabla'

// #region tidy
const x = randn([100, 100])
const norm = tidy(() => {
  const y = x.matmul(x) // freed at the end
  const z = y.add(1).relu() // freed at the end
  return z.sum() // survives: it is returned
})
console.log(norm.shape) //> []
// #endregion tidy

// #region arena
const f = compile((x) => x.matmul(x).add(1).sum())
f(zeros([100, 100]))
console.log(/(\d+) bytes of working memory/.test(f.explain())) //> true
// #endregion arena
