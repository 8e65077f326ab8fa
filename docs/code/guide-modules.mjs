import { relu, zeros } from 'nabla'
import { Dropout, Linear, Module, ModuleList, Sequential, ReLU } from 'nabla/nn'

// #region module
class Classifier extends Module {
  hidden = new ModuleList([new Linear(8, 16), new Linear(16, 16)])
  dropout = new Dropout(0.5)
  output = new Linear(16, 3)
  forward(x) {
    for (const layer of this.hidden) x = relu(layer.forward(x)) // (N, 16)
    return this.output.forward(this.dropout.forward(x)) // (N, 3)
  }
}
const model = new Classifier()
console.log(model.forward(zeros([2, 8])).shape) //> [ 2, 3 ]
console.log(
  model
    .namedParameters()
    .map(([name]) => name)
    .join(' '),
) //> hidden.0.weight hidden.0.bias hidden.1.weight hidden.1.bias output.weight output.bias
// #endregion module

// #region modes
model.eval() // dropout passes everything on, batch norm uses its running statistics
console.log(model.training, model.dropout.training) //> false false
model.train()
// #endregion modes

// #region freeze
for (const p of model.hidden.parameters()) p.requiresGrad = false // these layers keep their weights
console.log(model.parameters().filter((p) => p.requiresGrad).length) //> 2
// #endregion freeze

// #region sequential
console.log(new Sequential(new Linear(2, 3), new ReLU(), new Linear(3, 1)).parameterCount()) //> 13
// #endregion sequential
