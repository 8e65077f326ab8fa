/** torch.linalg: what people do with matrices beyond their products. Pages that do not import it do not load it. */
export * from './products.js'
