import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zeros } from 'nabla'
import { loadTensors, saveTensors } from 'nabla/io'
import { mlp } from 'nabla/models'
import { ReLU } from 'nabla/nn'

const folder = mkdtempSync(join(tmpdir(), 'nabla-'))
// #region weights
const model = mlp([4, 8, 2], () => new ReLU())
const file = join(folder, 'model.safetensors')
saveTensors(file, model.stateDict()) // safetensors: Python's and Rust's libraries read it too

const again = mlp([4, 8, 2], () => new ReLU())
again.loadStateDict(loadTensors(file).tensors)
const x = zeros([1, 4])
console.log(again.forward(x).sub(model.forward(x)).abs().max().item()) //> 0
// #endregion weights
rmSync(folder, { recursive: true })
