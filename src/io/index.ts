export { parseChecked, serializeChecked } from './checksum.js'
export * from './files.js'
export * from './safetensors.js'
export * from './npy.js'
