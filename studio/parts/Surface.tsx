/** A surface with paths on it, by three.js, which is loaded when the first one is shown. */
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { dark } from '../shell/theme.js'
import { type Text, t } from '../text.js'
import { tint } from './colors.js'
import { turnByKey, turnsAndZooms } from './turning.js'

const none: Text = [
  'The surface in 3-D needs WebGL, and the network to load it.',
  '三维曲面需要 WebGL，并且需要网络来加载。',
]

const NEAREST = 6
const FARTHEST = 40
/** How it is seen, for those who hear it. */
const seen = (view: View): Text => {
  const [around, above] = [view.around, view.above].map((a) => Math.round((a * 180) / Math.PI))
  const distance = view.distance.toFixed(1)
  return [
    `seen from ${around} degrees around and ${above} degrees above, at a distance of ${distance}`,
    `水平 ${around} 度，俯角 ${above} 度，距离 ${distance}`,
  ]
}
/** Where the eye is: radians around the surface and above its ground, and how far away. */
export interface View {
  around: number
  above: number
  distance: number
}

export interface SurfaceProps {
  /** Heights over -half to half, row by row from the top. */
  field: Float32Array
  side: number
  half: number
  /** x and y in turn. */
  paths: readonly { color: string; points: Float32Array }[]
  label: string
}

/** The scene of one surface; `show` draws the paths of now. */
async function scene(home: HTMLElement, { field, side, half }: SurfaceProps, isDark: boolean) {
  const three = await import('three')
  const { OrbitControls } = await import('three/addons/controls/OrbitControls.js')
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const v of field) {
    low = Math.min(low, v)
    high = Math.max(high, v)
  }
  // The ground is 0 and the peak as high as half the width.
  const scale = (v: number) => Math.sqrt(Math.max(0, v - low) / (high - low)) * half
  const at = (x: number, y: number) => {
    const clamp = (v: number) => Math.max(0, Math.min(side - 1, Math.round(v)))
    const column = clamp(((x + half) / (2 * half)) * (side - 1))
    const row = clamp(((half - y) / (2 * half)) * (side - 1))
    return scale(field[row * side + column]!)
  }
  const renderer = new three.WebGLRenderer({ antialias: true, alpha: true })
  renderer.setPixelRatio(Math.min(2, devicePixelRatio))
  home.append(renderer.domElement)
  const world = new three.Scene()
  const camera = new three.PerspectiveCamera(40, 1, 0.1, 100)
  camera.position.set(7.5, 8.5, 10)
  const geometry = new three.PlaneGeometry(2 * half, 2 * half, side - 1, side - 1)
  geometry.rotateX(-Math.PI / 2)
  const position = geometry.attributes.position!
  const colors = new Float32Array(field.length * 3)
  for (let i = 0; i < field.length; i++) {
    const h = scale(field[i]!)
    position.setY(i, h)
    const band = Math.round((h / half) * 16) / 16
    tint(1 - band * 0.95).forEach((c, k) => {
      colors[3 * i + k] = (c / 255) ** 2.2
    })
  }
  geometry.setAttribute('color', new three.BufferAttribute(colors, 3))
  geometry.computeVertexNormals()
  world.add(
    new three.Mesh(
      geometry,
      new three.MeshLambertMaterial({
        vertexColors: true,
        side: three.DoubleSide,
        transparent: true,
        opacity: 0.92,
      }),
    ),
    new three.AmbientLight(0xffffff, isDark ? 1.4 : 2),
  )
  const sun = new three.DirectionalLight(0xffffff, 1.6)
  sun.position.set(3, 8, 2)
  world.add(sun)
  const walks = new three.Group()
  world.add(walks)
  const controls = new OrbitControls(camera, renderer.domElement)
  controls.target.set(0, 1, 0)
  controls.enablePan = false
  controls.minDistance = NEAREST
  controls.maxDistance = FARTHEST
  const draw = () => renderer.render(world, camera)
  controls.addEventListener('change', draw)
  controls.update()
  const resize = () => {
    const width = home.clientWidth || 400
    renderer.setSize(width, width * 0.9)
    camera.aspect = 1 / 0.9
    camera.updateProjectionMatrix()
    draw()
  }
  const observer = new ResizeObserver(resize)
  observer.observe(home)
  return {
    /** Turns right and up by radians, and goes so many times as far away; gives how it is seen then. */
    turn(right: number, up: number, times: number): View {
      const eye = new three.Spherical().setFromVector3(camera.position.clone().sub(controls.target))
      eye.theta -= right
      // Not over the top, where up and down change places.
      eye.phi = Math.max(0.05, Math.min(Math.PI - 0.05, eye.phi - up))
      eye.radius = Math.max(NEAREST, Math.min(FARTHEST, eye.radius * times))
      camera.position.setFromSpherical(eye).add(controls.target)
      controls.update()
      return { around: eye.theta, above: Math.PI / 2 - eye.phi, distance: eye.radius }
    },
    show(paths: SurfaceProps['paths']) {
      walks.clear()
      for (const { color, points } of paths) {
        const line: InstanceType<typeof three.Vector3>[] = []
        for (let i = 0; i < points.length; i += 2) {
          const [x, y] = [points[i]!, points[i + 1]!]
          if (!(Math.abs(x) <= half && Math.abs(y) <= half)) break
          line.push(new three.Vector3(x, at(x, y) + 0.06, -y))
        }
        walks.add(
          new three.Line(
            new three.BufferGeometry().setFromPoints(line),
            new three.LineBasicMaterial({ color }),
          ),
        )
        const ball = new three.Mesh(
          new three.SphereGeometry(0.12),
          new three.MeshBasicMaterial({ color }),
        )
        const end = line.at(-1)
        if (end) ball.position.copy(end)
        walks.add(ball)
      }
      draw()
    },
    close() {
      observer.disconnect()
      controls.dispose()
      geometry.dispose()
      renderer.dispose()
      renderer.domElement.remove()
    },
  }
}

export function Surface(props: SurfaceProps) {
  const home = useRef<HTMLDivElement>(null)
  const shown = useRef<Awaited<ReturnType<typeof scene>> | undefined>(undefined)
  const latest = useRef(props.paths)
  latest.current = props.paths
  const isDark = dark.value
  const said = useSignal('')
  const turn = (right: number, up: number, times = 1) => {
    const view = shown.current?.turn(right, up, times)
    if (view) said.value = t(seen(view))
  }
  useEffect(() => {
    let gone = false
    scene(home.current!, props, isDark).then(
      (made) => {
        if (gone) return made.close()
        shown.current = made
        return made.show(latest.current)
      },
      () => {
        // Without WebGL or network there is nothing to turn.
        if (home.current) home.current.textContent = t(none)
      },
    )
    return () => {
      gone = true
      shown.current?.close()
      shown.current = undefined
    }
  }, [isDark, props.field])
  useEffect(() => shown.current?.show(props.paths))
  return (
    <>
      <div
        class="surface"
        ref={home}
        role="application"
        aria-label={`${props.label}: ${t(turnsAndZooms)}`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys turn it
        tabIndex={0}
        onKeyDown={(e) => turnByKey(e, turn, (times) => turn(0, 0, times))}
      />
      <p class="muted small">{t(turnsAndZooms)}</p>
      <p class="sr" role="status">
        {said.value}
      </p>
    </>
  )
}
