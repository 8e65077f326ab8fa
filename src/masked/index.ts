/** torch.masked: reductions over the elements where a mask holds. Pages that do not import it do not load it. */
export * from './reductions.js'
export * from './rows.js'
