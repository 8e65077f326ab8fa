/** `import 'nabla/reference'` brings the reference backend to a page. Node has it from the beginning. */
import { bring } from './browser.js'
import { referenceBackend } from './index.js'

bring(referenceBackend)
