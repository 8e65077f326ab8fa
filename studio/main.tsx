import { render } from 'preact'
import { App } from './shell/App.js'
import { followLinks } from './shell/route.js'
import { followTheme } from './shell/theme.js'
import './style.css'

followLinks()
followTheme()
render(<App />, document.getElementById('app')!)
