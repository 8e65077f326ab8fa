/** torch.linalg: what people do with matrices beyond their products. Pages that do not import it do not load it. */
export { cross } from '../ops/linalg.js'
export * from './products.js'
