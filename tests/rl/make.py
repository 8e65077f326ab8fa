"""One step of each world from 500 states and actions at random, in float64, by the equations of the cited papers with the
constants of Gymnasium 0.29, written without looking at nabla's code. `python3 make.py` writes worlds.json."""
import base64
import json
import math

import numpy as np

rng = np.random.default_rng(11)
COUNT = 500


def cart_pole(state, action):
    gravity, cart, pole, half, force, tau = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
    x, x_dot, theta, theta_dot = state
    push = force if action == 1 else -force
    # Barto, Sutton and Anderson, 1983, appendix, without friction.
    total = cart + pole
    theta_acc = (
        gravity * math.sin(theta)
        + math.cos(theta) * ((-push - pole * half * theta_dot**2 * math.sin(theta)) / total)
    ) / (half * (4 / 3 - pole * math.cos(theta) ** 2 / total))
    x_acc = (push + pole * half * (theta_dot**2 * math.sin(theta) - theta_acc * math.cos(theta))) / total
    after = [x + tau * x_dot, x_dot + tau * x_acc, theta + tau * theta_dot, theta_dot + tau * theta_acc]
    return after, 1.0, abs(after[0]) > 2.4 or abs(after[2]) > math.radians(12)


def mountain_car(state, action):
    position, velocity = state
    velocity = np.clip(velocity + 0.001 * (action - 1) - 0.0025 * math.cos(3 * position), -0.07, 0.07)
    position = np.clip(position + velocity, -1.2, 0.6)
    if position <= -1.2:
        velocity = max(velocity, 0.0)
    return [position, velocity], -1.0, position >= 0.5 and velocity >= 0


def acrobot_rates(y, torque):
    # Sutton and Barto, first edition, figure 11.5; both links have mass 1, length 1, centre 0.5, inertia 1.
    t1, t2, v1, v2 = y
    d1 = 0.25 + (1 + 0.25 + 2 * 0.5 * math.cos(t2)) + 1 + 1
    d2 = (0.25 + 0.5 * math.cos(t2)) + 1
    phi2 = 0.5 * 9.8 * math.cos(t1 + t2 - math.pi / 2)
    phi1 = (
        -0.5 * v2**2 * math.sin(t2)
        - 2 * 0.5 * v2 * v1 * math.sin(t2)
        + (0.5 + 1) * 9.8 * math.cos(t1 - math.pi / 2)
        + phi2
    )
    a2 = (torque + d2 / d1 * phi1 - 0.5 * v1**2 * math.sin(t2) - phi2) / (0.25 + 1 - d2**2 / d1)
    return np.array([v1, v2, -(d2 * a2 + phi1) / d1, a2])


def acrobot(state, action):
    y, h, torque = np.array(state), 0.2, action - 1
    k1 = acrobot_rates(y, torque)
    k2 = acrobot_rates(y + h / 2 * k1, torque)
    k3 = acrobot_rates(y + h / 2 * k2, torque)
    k4 = acrobot_rates(y + h * k3, torque)
    y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    y[:2] = (y[:2] + math.pi) % (2 * math.pi) - math.pi
    y[2] = np.clip(y[2], -4 * math.pi, 4 * math.pi)
    y[3] = np.clip(y[3], -9 * math.pi, 9 * math.pi)
    end = -math.cos(y[0]) - math.cos(y[0] + y[1]) > 1
    return list(y), 0.0 if end else -1.0, end


WORLDS = {
    "CartPole-v1": (cart_pole, [-2.5, -3, -0.25, -3.5], [2.5, 3, 0.25, 3.5], 2),
    "MountainCar-v0": (mountain_car, [-1.2, -0.07], [0.6, 0.07], 3),
    "Acrobot-v1": (acrobot, [-math.pi, -math.pi, -4, -9], [math.pi, math.pi, 4, 9], 3),
}


def text(values):
    return base64.b64encode(np.asarray(values, dtype="<f8").tobytes()).decode()


out = {}
for name, (step, low, high, actions) in WORLDS.items():
    states = rng.uniform(low, high, (COUNT, len(low)))
    chosen = rng.integers(0, actions, COUNT)
    results = [step(list(s), int(a)) for s, a in zip(states, chosen)]
    out[name] = {
        "states": text(states),
        "actions": text(chosen),
        "next": text([r[0] for r in results]),
        "rewards": text([r[1] for r in results]),
        "ends": text([float(r[2]) for r in results]),
    }
with open("worlds.json", "w") as f:
    json.dump(out, f, indent=1)
    f.write("\n")
