import { defineConfig } from 'vitepress'
import { pages as studio } from '../../studio/pages.ts'
import { course, develop, guide, reference } from './pages.mjs'

/** The sidebar of one language: pages by their paths, titles from pages.mjs. */
const sidebar = (lang) => {
  const base = lang === 'zh' ? '/zh' : ''
  const items = (pages, folder) =>
    pages.map(([file, en, zh]) => ({
      text: lang === 'zh' ? zh : en,
      link: `${base}/${folder}/${file}`,
    }))
  const text = (en, zh) => (lang === 'zh' ? zh : en)
  return [
    { text: text('Guide', '指南'), items: items(guide, 'guide') },
    { text: text('Course', '课程'), items: items(course, 'course') },
    {
      text: text('Reference', '参考'),
      items: [
        ...items(reference, 'reference'),
        // TypeDoc's own pages, in English.
        { text: text('All public names', '全部公开名称（英文）'), link: '/api/', target: '_self' },
      ],
    },
    {
      text: text('Develop nabla', '参与开发'),
      // Written for those who change the source, in English.
      items: develop.map(([file, en, zh]) => ({ text: text(en, zh), link: `/${file}` })),
    },
  ]
}

const theme = (lang) => ({
  nav:
    lang === 'zh'
      ? [
          { text: '指南', link: '/zh/guide/quick-start' },
          { text: '课程', link: '/zh/course/neuron' },
          { text: '参考', link: '/zh/reference/operations' },
          { text: '工作室', link: '/studio/index.html#/zh/', target: '_blank' },
        ]
      : [
          { text: 'Guide', link: '/guide/quick-start' },
          { text: 'Course', link: '/course/neuron' },
          { text: 'Reference', link: '/reference/operations' },
          { text: 'Studio', link: '/studio/index.html#/en/', target: '_blank' },
        ],
  sidebar: sidebar(lang),
  outline: { level: [2, 3], label: lang === 'zh' ? '本页目录' : 'On this page' },
  ...(lang === 'zh' && {
    docFooter: { prev: '上一页', next: '下一页' },
    darkModeSwitchLabel: '外观',
    lightModeSwitchTitle: '切换到浅色',
    darkModeSwitchTitle: '切换到深色',
    sidebarMenuLabel: '菜单',
    returnToTopLabel: '回到顶部',
    langMenuLabel: '语言',
    skipToContentLabel: '跳到正文',
    notFound: {
      title: '没有这一页',
      quote: '地址可能有误，或者这一页已经移动。',
      linkLabel: '回到首页',
      linkText: '回到首页',
    },
  }),
})

const base = process.env.NABLA_SITE_BASE ?? '/'

/** Puts the pages of the studio about a topic under the topic's page; they load when the reader comes to them. */
function embedStudio(md) {
  const render = md.render.bind(md)
  md.render = (source, env) => {
    const html = render(source, env)
    const [, zh, topic] = /^(zh\/)?course\/(.+)\.md$/.exec(env?.relativePath ?? '') ?? []
    const found = studio.flatMap(({ course, ...page }) =>
      course
        .map((place) => place.split('?'))
        .filter(([name]) => name === topic)
        .map(([, query]) => ({ ...page, query })),
    )
    if (found.length === 0) return html
    const lang = zh ? 'zh' : 'en'
    const frames = found.map(({ id, title, query }) => {
      const name = title[zh ? 1 : 0]
      const link = `${base}studio/index.html#/${lang}/${id}${query ? `?${query}` : ''}`
      return `<h3><a href="${link}" target="_blank">${name}</a></h3>
<iframe src="${link}" title="${name}" loading="lazy" style="width:100%;height:44rem;border:1px solid var(--vp-c-divider);border-radius:12px"></iframe>`
    })
    return `${html}\n<h2>${zh ? '在工作室里动手试' : 'In the studio'}</h2>\n${frames.join('\n')}`
  }
}

export default defineConfig({
  title: 'nabla',
  description: 'A deep-learning framework for TypeScript',
  // Where the site lies on its server: `/` unless the release says otherwise.
  base,
  cleanUrls: true,
  head: [
    [
      'link',
      {
        rel: 'icon',
        type: 'image/svg+xml',
        href: `${base}favicon.svg`,
      },
    ],
  ],
  srcExclude: ['node_modules/**', 'code/**'],
  markdown: { math: true, lineNumbers: false, config: embedStudio },
  locales: {
    root: { label: 'English', lang: 'en', themeConfig: theme('en') },
    zh: {
      label: '简体中文',
      lang: 'zh-CN',
      description: 'TypeScript 的深度学习框架',
      themeConfig: theme('zh'),
    },
  },
  themeConfig: {
    search: {
      provider: 'local',
      options: {
        locales: {
          zh: {
            translations: {
              button: { buttonText: '搜索', buttonAriaLabel: '搜索' },
              modal: {
                displayDetails: '显示详细列表',
                resetButtonTitle: '清除查询',
                backButtonTitle: '关闭搜索',
                noResultsText: '没有找到结果：',
                footer: {
                  selectText: '选择',
                  navigateText: '切换',
                  closeText: '关闭',
                },
              },
            },
          },
        },
      },
    },
  },
})
