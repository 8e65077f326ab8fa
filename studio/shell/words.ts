/** The texts of the shell. */
import type { Trouble } from '../engine/session.js'
import type { Text } from '../text.js'

export const words = {
  name: ['nabla studio', 'nabla 工作室'],
  tagline: [
    'Watch networks learn, and touch every part of them. Everything here runs in your browser, on nabla itself.',
    '看网络如何学习，动手改变它的每一部分。这里的一切都由 nabla 在你的浏览器里计算。',
  ],
  home: ['All pages', '全部页面'],
  search: ['Search pages', '搜索页面'],
  nothing: ['No page fits this search.', '没有符合的页面。'],
  language: ['中文', 'English'],
  languageLabel: ['Switch to Chinese', '切换到英文'],
  toDark: ['Dark', '深色'],
  toLight: ['Light', '浅色'],
  skip: ['Skip to content', '跳到正文'],
  play: ['Train', '训练'],
  pause: ['Pause', '暂停'],
  step: ['One step', '单步'],
  reset: ['Start again', '重新开始'],
  speed: ['Speed', '速度'],
  fastest: ['as fast as it can', '全速'],
  perSecond: ['steps a second', '步/秒'],
  steps: ['steps', '步'],
  seed: ['Seed', '随机种子'],
  settings: ['Settings', '设置'],
  formula: ['Formula', '公式'],
  question: ['A question to try', '试一试'],
  answer: ['What the picture answers', '图中的答案'],
  code: ['Show the code', '显示代码'],
  codeAbout: [
    'The nabla program that runs on this page, with the settings of now. Save it as program.mjs and run it with Node.',
    '本页正在运行的 nabla 程序，带有现在的设置。存为 program.mjs，用 Node 即可运行。',
  ],
  copy: ['Copy', '复制'],
  copied: ['Copied', '已复制'],
  torch: ['In PyTorch terms', '对照 PyTorch'],
  share: ['Copy the link to this state', '复制此状态的链接'],
  loading: ['Loading …', '加载中……'],
  starting: ['Starting the engine …', '正在启动引擎……'],
  missing: ['There is no page at this link.', '这个链接下没有页面。'],
  failed: ['This page cannot go on', '本页无法继续'],
  again: ['Try again', '再试一次'],
  threads: ['The source', '源代码'],
  ended: ['The end: nothing is left to train.', '训练已经结束。'],
  course: ['About this topic in the course', '课程中的这一主题'],
} as const satisfies Record<string, Text>

export const troubles: Record<Trouble, Text> = {
  policy: [
    "The browser refuses WebAssembly on this page: its Content-Security-Policy must allow 'wasm-unsafe-eval'.",
    "浏览器不允许本页使用 WebAssembly：它的内容安全策略（CSP）必须允许 'wasm-unsafe-eval'。",
  ],
  files: [
    'A file of the engine could not be loaded. Is the server still running, and is the copy of the site whole?',
    '引擎的一个文件无法加载。服务器还在运行吗？网站的文件完整吗？',
  ],
  data: [
    'The data could not be loaded or is broken. Drop the files here, or see what the server offers.',
    '数据无法加载，或者已损坏。可以把文件拖到这里，或检查服务器提供的数据。',
  ],
  other: ['The computation stopped with an error.', '计算因错误而停止。'],
}
