"""Learning rates (and momenta) over 50 steps, for two groups of parameters."""
import torch
from torch.optim import SGD, Adam, lr_scheduler as S

STEPS = 50
METRICS = [1 / (1 + t) if t < 12 else 0.1 + 0.001 * ((t * 7) % 5) for t in range(STEPS)]
FUNCTIONS = {"power": lambda t: 0.95**t, "inverse": lambda t: 1 / (1 + t), "noam": None}


def camel(name):
    name = name.replace("T_", "t_")
    head, *rest = name.split("_")
    return head + "".join(w.title() for w in rest)


def spec(kind, *args, **options):
    return {
        "class": kind,
        "args": list(args),
        "options": {camel(k): camel(v) if k == "mode" else v for k, v in options.items()},
        "torch": options,
    }


def build(optimizer, s):
    kind, args = s["class"], s["args"]
    if kind == "NoamLR":
        # Vaswani et al., 2017, equation 3.
        d, warmup = args
        return S.LambdaLR(optimizer, lambda t: d**-0.5 * min((t + 1) ** -0.5, (t + 1) * warmup**-1.5))
    if kind in ("LambdaLR", "MultiplicativeLR"):
        return getattr(S, kind)(optimizer, FUNCTIONS[args[0]])
    if kind == "SequentialLR":
        return S.SequentialLR(optimizer, [build(optimizer, x) for x in args[0]], args[1])
    if kind == "ChainedScheduler":
        return S.ChainedScheduler([build(optimizer, x) for x in args[0]])
    return getattr(S, kind)(optimizer, *args, **s["torch"])


def strip(s):
    return {
        "class": s["class"],
        "args": [[strip(x) if isinstance(x, dict) else x for x in a] if isinstance(a, list) else a for a in s["args"]],
        "options": s["options"],
    }


SPECS = [
    ("constant", spec("ConstantLR", factor=0.25, total_iters=7)),
    ("step", spec("StepLR", 8, gamma=0.3)),
    ("multi-step", spec("MultiStepLR", [5, 20, 20, 33], gamma=0.5)),
    ("exponential", spec("ExponentialLR", 0.93)),
    ("polynomial", spec("PolynomialLR", total_iters=30, power=2)),
    ("polynomial, straight", spec("PolynomialLR")),
    ("linear warm-up", spec("LinearLR", start_factor=0.1, total_iters=15)),
    ("linear decay", spec("LinearLR", start_factor=1.0, end_factor=0.2, total_iters=40)),
    ("cosine", spec("CosineAnnealingLR", 20, eta_min=0.001)),
    ("cosine, all the way", spec("CosineAnnealingLR", 50)),
    ("cosine with restarts", spec("CosineAnnealingWarmRestarts", 7, T_mult=2, eta_min=0.002)),
    ("cosine with even restarts", spec("CosineAnnealingWarmRestarts", 9)),
    ("noam", spec("NoamLR", 64, 12)),
    ("one cycle", spec("OneCycleLR", 0.5, total_steps=50)),
    ("one cycle, linear, three phases", spec("OneCycleLR", [0.5, 0.3], epochs=5, steps_per_epoch=10, anneal_strategy="linear", three_phase=True, pct_start=0.4, base_momentum=0.7)),
    ("cyclic", spec("CyclicLR", 0.01, 0.2, step_size_up=6, step_size_down=9)),
    ("cyclic, halves", spec("CyclicLR", [0.01, 0.02], [0.2, 0.4], step_size_up=6, mode="triangular2", base_momentum=0.5)),
    ("cyclic, exponential", spec("CyclicLR", 0.01, 0.2, step_size_up=6, mode="exp_range", gamma=0.97, cycle_momentum=False)),
    ("plateau", spec("ReduceLROnPlateau", factor=0.5, patience=3, cooldown=2)),
    ("plateau, absolute, bounded", spec("ReduceLROnPlateau", factor=0.2, patience=2, threshold=0.01, threshold_mode="abs", min_lr=[0.004, 0.0005])),
    ("plateau of what grows", spec("ReduceLROnPlateau", mode="max", patience=5)),
    ("function", spec("LambdaLR", "power")),
    ("function, inverse", spec("LambdaLR", "inverse")),
    ("factor", spec("MultiplicativeLR", "power")),
    ("chained", spec("ChainedScheduler", [spec("LinearLR", start_factor=0.1, total_iters=10), spec("ExponentialLR", 0.95)])),
    ("chained three", spec("ChainedScheduler", [spec("StepLR", 10, gamma=0.5), spec("ConstantLR", factor=0.5, total_iters=4), spec("CosineAnnealingLR", 60)])),
    ("sequence", spec("SequentialLR", [spec("LinearLR", start_factor=0.1, total_iters=5), spec("CosineAnnealingLR", 45)], [5])),
    ("sequence of four", spec("SequentialLR", [spec("ConstantLR", factor=0.1, total_iters=9), spec("ExponentialLR", 0.9), spec("StepLR", 3, gamma=0.5), spec("LambdaLR", "inverse")], [10, 22, 35])),
]


def run(s, kind):
    torch.manual_seed(0)
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": lr} for lr in (0.1, 0.02)]
    optimizer = kind(groups)
    schedule = build(optimizer, s)
    rates, momenta = [], []
    for t in range(STEPS):
        rates.append([g["lr"] for g in optimizer.param_groups])
        momenta.append([g["momentum"] if "momentum" in g else g["betas"][0] for g in optimizer.param_groups])
        optimizer.step()
        if t < STEPS - 1:
            if isinstance(schedule, S.ReduceLROnPlateau):
                schedule.step(METRICS[t])
            else:
                schedule.step()
    return rates, momenta


def cases():
    sgd = lambda groups: SGD(groups, momentum=0.9)  # noqa: E731
    for name, s in SPECS:
        rates, momenta = run(s, sgd)
        yield {"name": name, "optimizer": "SGD", **strip(s), "metrics": METRICS, "rates": rates, "momenta": momenta}
    s = spec("OneCycleLR", 0.5, total_steps=50)
    rates, momenta = run(s, Adam)
    yield {"name": "one cycle of betas", "optimizer": "Adam", **strip(s), "metrics": METRICS, "rates": rates, "momenta": momenta}
