/** Networks on graphs, by PyTorch Geometric's conventions, and products with sparse matrices. */
export { sddmm, spmm, type Pattern } from '../ops/sparse.js'
export { aggregate, type AggregateOptions, type Aggregation, groupSoftmax } from './aggregate.js'
export {
  gaussianWeights,
  knnGraph,
  type NearOptions,
  radiusGraph,
  type RadiusOptions,
} from './build.js'
export {
  GCNConv,
  type GCNConvOptions,
  gcnNorm,
  type GcnNormOptions,
  GINConv,
  type GINConvOptions,
  SAGEConv,
  type SAGEConvOptions,
} from './convs.js'
export {
  globalAddPool,
  globalMaxPool,
  globalMeanPool,
  Graph,
  GraphBatch,
  type GraphFields,
} from './data.js'
export {
  addRemainingSelfLoops,
  addSelfLoops,
  coalesce,
  type CoalesceOptions,
  containsSelfLoops,
  degree,
  type EdgeRow,
  type Edges,
  edgesFromTable,
  type LoopOptions,
  removeSelfLoops,
  type TableOptions,
  toUndirected,
} from './edges.js'
export { GATConv, type GATConvOptions } from './gat.js'
export {
  type FromGraphologyOptions,
  fromGraphology,
  type GraphologyGraph,
  type GraphologyTarget,
  toGraphology,
} from './graphology.js'
export { karateClub } from './karate.js'
export {
  type EdgesLike,
  type Flow,
  type MessageParts,
  MessagePassing,
  type NodeFeatures,
  type PropagateOptions,
} from './messagePassing.js'
export {
  type ByEdge,
  type ByNode,
  type EdgeKind,
  HeteroConv,
  RGCNConv,
  type RGCNConvOptions,
} from './relations.js'
export { type NeighborBatch, NeighborLoader, type NeighborLoaderOptions } from './sampling.js'
export { SparseMatrix } from './sparse.js'
export {
  lexicographerFiles,
  type PartOfSpeech,
  partsOfSpeech,
  type Synset,
  TextFeatures,
  type WordNet,
  type WordNetOptions,
  wordNet,
} from './wordnet.js'
