export * from './files.js'
export * from './safetensors.js'
