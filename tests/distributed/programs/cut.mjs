// Training over a network that is cut meanwhile: `node cut.mjs FOLDER [resume]`. The first rank says on stdout that training goes on; what
// each rank says in the end is on its host, since nothing comes through the network then.
import { crossEntropy, manualSeed, randint, randn } from 'nabla'
import { DataLoader, TensorDataset } from 'nabla/data'
import * as dist from 'nabla/distributed'
import { Linear, ReLU, Sequential } from 'nabla/nn'
import { Adam } from 'nabla/optim'
import { fit, PeriodicCheckpoint } from 'nabla/train'
import { say } from './say.mjs'

const [folder, resume] = process.argv.slice(2)
const path = `${folder}/state.safetensors`
dist.initProcessGroup()
const rank = dist.getRank()
manualSeed(1)
const model = new Sequential(new Linear(20, 200), new ReLU(), new Linear(200, 3))
fit(model, {
  data: new DataLoader(new TensorDataset(randn([60, 20]), randint(0, 3, [60])), { batchSize: 20 }),
  optimizer: new Adam(model.parameters()),
  loss: crossEntropy,
  epochs: 1e6,
  ...(resume && { resume: path }),
  verbose: false,
  callbacks: [
    new PeriodicCheckpoint(path, { seconds: 0.2 }),
    {
      onBatchEnd(trainer, { step, loss }) {
        if (resume) {
          say({ rank, step, loss })
          trainer.stop('this is all that is wanted')
        }
        if (rank === 0 && step === 200) process.stdout.write('goes on\n')
      },
    },
  ],
})
