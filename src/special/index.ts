/** torch.special: special functions. Pages that do not import it do not load it. */
export * from './entropy.js'
export * from './functions.js'
