import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { definePage, type ViewProps } from '../page.js'
import { Chart } from '../parts/Chart.js'
import { Heat } from '../parts/Heat.js'
import { Numbers } from '../parts/Numbers.js'
import { Plot } from '../parts/Plot.js'
import { learningRate, seed, type Schema } from '../settings.js'
import { type Text, t } from '../text.js'
import type { Frame, Pushed } from './cartpole.model.js'
import program from './cartpole.program.js?raw'

const schema = {
  rate: learningRate(0.001, [0.0001, 0.0003, 0.001, 0.003, 0.01]),
  gamma: { label: ['Discount γ', '折扣 γ'], value: 0.98, options: [0.5, 0.9, 0.98, 0.99] },
  clip: {
    label: ['Clip ε: how far the policy may go', '裁剪 ε：策略一次能变多远'],
    value: 0.2,
    options: [0.05, 0.1, 0.2, 0.4, 10],
  },
  passes: {
    label: ['Passes over each round', '每轮数据学习的遍数'],
    value: 20,
    options: [1, 5, 10, 20],
  },
  hidden: { label: ['Neurons of each layer', '每层神经元数'], value: 64, options: [8, 16, 32, 64] },
  seed: seed(),
} as const satisfies Schema

const words = {
  mean: ['mean return of 100 episodes', '最近 100 局平均回报'],
  episodes: ['episodes', '局数'],
  steps: ['pushes', '推动次数'],
  cart: ['The cart and its pole', '小车与杆'],
  watch: ['Watch the policy', '观看当前策略'],
  hold: ['Stop watching', '停止观看'],
  push: ['Push it yourself', '自己来推'],
  leave: ['Leave the cart', '不推了'],
  keys: [
    'Arrow keys, or the buttons held down, push to the left and to the right, at half of the speed. Without them both come in turn.',
    '按方向键或按住按钮，向左或向右推（速度放慢一半）。不按时左右交替。',
  ],
  left: ['← Left', '← 左'],
  right: ['Right →', '右 →'],
  lasted: ['pushes of this episode', '本局推动次数'],
  best: ['your best', '你的最好成绩'],
  last: ['of the last 10', '最近 10 局'],
  over: ['Return of an episode over steps in the world', '回报随世界步数的变化'],
  policy: ['The policy: blue pushes right, orange left', '策略：蓝色向右推，橙色向左推'],
  value: [
    'The value: the fuller, the longer the pole should stay up',
    '价值：越深，预期杆能立得越久',
  ],
  angle: ['angle of the pole, degrees', '杆的角度（度）'],
  turn: ['turn, degrees a second', '角速度（度/秒）'],
} as const satisfies Record<string, Text>

const EDGE = 2.4
const LENGTH = 1
/** 50 pushes a second, as the world has them; a person gets twice the time. */
const TICK = 20

/** The cart at its place with the pole at its angle, from the right of upright. */
function Cart({
  state: [x = 0, , angle = 0],
  fallen,
}: {
  state: readonly number[]
  fallen: boolean
}) {
  return (
    <Plot
      bare
      x={[-EDGE - 0.3, EDGE + 0.3]}
      y={[-0.35, 1.35]}
      width={540}
      height={170}
      label={`${t(words.cart)}: ${x.toFixed(1)} m, ${((angle * 180) / Math.PI).toFixed(0)}°`}
    >
      {(area) => {
        const unit = area.x(1) - area.x(0)
        const [cx, cy] = [area.x(x), area.y(0)]
        return (
          <>
            <line
              x1={area.x(-EDGE)}
              x2={area.x(EDGE)}
              y1={cy + 13}
              y2={cy + 13}
              stroke="var(--line)"
              stroke-width={3}
            />
            <rect
              x={cx - 0.25 * unit}
              y={cy - 9}
              width={0.5 * unit}
              height={20}
              rx={4}
              fill="var(--muted)"
            />
            <line
              x1={cx}
              y1={cy - 6}
              x2={cx + LENGTH * unit * Math.sin(angle)}
              y2={cy - 6 - LENGTH * unit * Math.cos(angle)}
              stroke={fallen ? '#c23b22' : 'var(--accent)'}
              stroke-width={8}
              stroke-linecap="round"
            />
          </>
        )
      }}
    </Plot>
  )
}

function View({ run, frame }: ViewProps<typeof schema, Frame>) {
  const { history, side, right, values, reach } = frame
  const state = useSignal<readonly number[]>([0, 0, 0, 0])
  const fallen = useSignal(false)
  const lasted = useSignal(0)
  const best = useSignal(0)
  const mode = useSignal<'none' | 'watch' | 'push'>('none')
  const held = useRef(-1)
  const training = run.running.value
  // Who trains sees what has been learned, unless the cart is in his own hands.
  const playing = mode.value === 'none' && training ? 'watch' : mode.value
  useEffect(() => {
    if (playing === 'none') return
    let gone = false
    lasted.value = 0
    fallen.value = false
    const wait = (ms: number) => new Promise((done) => setTimeout(done, ms))
    const watch = async () => {
      for (let round = 1; !gone; round++) {
        const states = await run.ask<Float64Array>('episode', round)
        const start = performance.now()
        for (let i = 0; !gone && 4 * i < states.length; ) {
          state.value = [...states.subarray(4 * i, 4 * i + 4)]
          lasted.value = i
          fallen.value = 4 * i + 4 >= states.length && i < 500
          await new Promise(requestAnimationFrame)
          const now = Math.floor((performance.now() - start) / TICK)
          // The last state is always seen.
          i = Math.max(i + 1, Math.min(now, states.length / 4 - 1))
        }
        if (!gone) await wait(600)
      }
    }
    const push = async () => {
      for (let turn = 0; !gone; turn++) {
        const action = held.current < 0 ? turn % 2 : held.current
        const pushed = await run.ask<Pushed>('push', action)
        if (gone) return
        const begun = fallen.value
        state.value = pushed.state
        fallen.value = pushed.over
        lasted.value = begun ? 0 : lasted.value + 1
        best.value = Math.max(best.value, lasted.value)
        await wait(pushed.over ? 900 : 2 * TICK)
      }
    }
    // A session that has been replaced answers no more.
    void (playing === 'watch' ? watch() : push()).catch(() => {})
    return () => {
      gone = true
    }
  }, [playing, run])
  const toggle = (to: 'watch' | 'push') => {
    held.current = -1
    mode.value = mode.value === to ? 'none' : to
  }
  const key = (e: KeyboardEvent, down: boolean) => {
    const side = { ArrowLeft: 0, ArrowRight: 1 }[e.key]
    if (side === undefined || mode.value !== 'push') return
    e.preventDefault()
    if (down) held.current = side
    else if (held.current === side) held.current = -1
  }
  const hand = (side: number, text: Text) => (
    <button
      type="button"
      class="hand"
      onPointerDown={(e) => {
        e.currentTarget.setPointerCapture(e.pointerId)
        held.current = side
      }}
      onPointerUp={() => {
        held.current = -1
      }}
      onPointerCancel={() => {
        held.current = -1
      }}
    >
      {t(text)}
    </button>
  )
  const map = (data: Float32Array, label: string, scale?: number) => (
    <div>
      <h3>{label}</h3>
      <Plot
        x={[-reach.angle, reach.angle]}
        y={[-reach.turn, reach.turn]}
        width={340}
        height={280}
        xLabel={t(words.angle)}
        yLabel={t(words.turn)}
        label={label}
        back={
          <Heat data={data} width={side} height={side} smooth label="" {...(scale && { scale })} />
        }
      >
        {() => null}
      </Plot>
    </div>
  )
  return (
    <>
      <Numbers
        values={[
          [t(words.mean), history.mean.at(-1)?.toFixed(1) ?? '–'],
          [t(words.episodes), (history.episodes.at(-1) ?? 0).toLocaleString('en')],
          [t(words.steps), (history.step.at(-1) ?? 0).toLocaleString('en')],
        ]}
      />
      <div class="row">
        <button type="button" aria-pressed={mode.value === 'watch'} onClick={() => toggle('watch')}>
          {t(mode.value === 'watch' ? words.hold : words.watch)}
        </button>
        <button
          type="button"
          aria-pressed={mode.value === 'push'}
          onClick={() => toggle('push')}
          onKeyDown={(e) => key(e, true)}
          onKeyUp={(e) => key(e, false)}
        >
          {t(mode.value === 'push' ? words.leave : words.push)}
        </button>
        {mode.value === 'push' && (
          <>
            {hand(0, words.left)}
            {hand(1, words.right)}
          </>
        )}
      </div>
      {mode.value === 'push' && <p class="muted small">{t(words.keys)}</p>}
      <Cart state={state.value} fallen={fallen.value} />
      <Numbers
        values={[
          [t(words.lasted), `${lasted.value}`],
          ...(mode.value === 'push' ? [[t(words.best), `${best.value}`] as const] : []),
        ]}
      />
      <Chart
        label={t(words.over)}
        x={history.step}
        curves={[
          { label: t(words.mean), data: history.mean },
          { label: t(words.last), data: history.last },
        ]}
        range={[0, 510]}
        height={200}
      />
      <div class="split even">
        {map(
          right.map((p) => 2 * p - 1),
          t(words.policy),
          1,
        )}
        {map(values, t(words.value))}
      </div>
    </>
  )
}

export default definePage<Frame>()({
  schema,
  intro: [
    'A pole stands on a cart that can only be pushed left or right; each push that it stays up earns 1, and 500 are the most. PPO tries, in eight worlds at once, and makes pushes that went better than expected likelier. One step here is a round of 256 pushes and what is learned from them.',
    '小车上立着一根杆，只能向左或向右推；杆每多立一步得 1 分，最多 500。PPO 在八个世界里同时尝试，让结果好于预期的推动更可能发生。这里的一步是一轮 256 次推动以及从中的学习。',
  ],
  formula: String.raw`\begin{gathered} r_t = \frac{\pi(a_t \mid s_t)}{\pi_{\text{old}}(a_t \mid s_t)}, \qquad \hat A_t = \sum_k (\gamma \lambda)^k \delta_{t+k} \\ \delta_t = R_t + \gamma V(s_{t+1}) - V(s_t) \\ \max \ \operatorname{mean}\, \min\bigl(r_t \hat A_t,\ \operatorname{clip}(r_t, 1 - \varepsilon, 1 + \varepsilon)\, \hat A_t\bigr) \end{gathered}`,
  question: [
    'Push the cart yourself: how long does the pole stay up? Then train for 200 steps. Where does the border between left and right lie in the picture of the policy, and what does it say?',
    '先自己推：杆能立多久？再训练 200 步。策略图里左与右的分界线在哪里，它说明了什么？',
  ],
  answer: [
    'Most people lose the pole within a hundred pushes; the policy reaches hundreds, and 500 with a little luck. The border falls from the upper left to the lower right: not the side to which the pole leans decides, but where it will lean, the angle and the turn together. A pole that leans left and swings back fast is already pushed right. With a discount of 0.5 the agent sees only the next few pushes, and the cart runs off the track.',
    '多数人一百次推动之内就会失手；策略能坚持几百次，运气好时满 500。分界线从左上到右下：决定方向的不是杆此刻倒向哪边，而是它将要倒向哪边，即角度与角速度之和。杆向左倾却正快速摆回时，就已经要向右推了。折扣为 0.5 时，智能体只看得到接下来几步，小车会跑出轨道。',
  ],
  program,
  torch: [
    ['new CartPole()', "gymnasium.make('CartPole-v1')"],
    ["new PPO('CartPole-v1', { numEnvs: 8, nSteps: 32 })", "stable_baselines3.PPO('MlpPolicy', envs, n_steps=32)"],
    ['agent.learn({ steps: 256 })', 'model.learn(256, reset_num_timesteps=False)'],
    ['agent.predict(observation)', 'model.predict(observation, deterministic=True)'],
    ['evaluatePolicy(agent, env, { episodes: 10 })', 'evaluate_policy(model, env, n_eval_episodes=10)'],
  ], // biome-ignore format: names side by side
  View,
})
