import { createServer } from 'node:http'
import { compile, noGrad, softmax, tensor } from 'nabla'
import { mlp } from 'nabla/models'
import { ReLU } from 'nabla/nn'

// #region server
const model = mlp([4, 16, 3], () => new ReLU()).eval() // and model.loadStateDict(...)
const predict = compile((x) => noGrad(() => softmax(model.forward(x), 1)))

const server = createServer(async (request, response) => {
  let body = ''
  for await (const part of request) body += part
  const features = JSON.parse(body)
  response.end(JSON.stringify(predict(tensor([features])).toArray()[0]))
})
// #endregion server

server.listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}`
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify([5.1, 3.5, 1.4, 0.2]) })
  const probabilities = await answer.json()
  console.log(probabilities.length, Math.abs(probabilities.reduce((a, b) => a + b) - 1) < 1e-6) //> 3 true
  server.close()
})
