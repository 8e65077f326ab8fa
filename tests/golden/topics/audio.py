"""Sound: torchaudio (Debian's python3-torchaudio). Inputs have few digits, so that the file holds them exactly."""
import math

import torch
import torchaudio.functional as F
import torchaudio.transforms as T


def signal(*shape, seed=0):
    """A chirp with noise."""
    g = torch.Generator().manual_seed(seed)
    t = torch.arange(shape[-1], dtype=torch.float64)
    x = torch.sin(0.05 * t + 0.0004 * t * t) * 0.5 + 0.1 * torch.randn(shape, generator=g, dtype=torch.float64)
    return torch.round(x * 1000).div(1000).float()


def pairs(z):
    return torch.view_as_real(z).contiguous()


WINDOWS = {"hann": torch.hann_window, "hamming": torch.hamming_window}


def cases():
    for n in (1, 2, 5, 8):
        for periodic in (True, False):
            for name in ("hann", "hamming", "blackman", "bartlett"):
                yield {"name": "window: %s %d %s" % (name, n, periodic), "window": name, "n": n, "periodic": periodic,
                       "out": getattr(torch, name + "_window")(n, periodic=periodic)}
    x = signal(2, 200)
    for orig, new, o in [
        (3, 2, {}), (2, 3, {}), (441, 160, {}), (8000, 16000, {}), (16000, 8000, {"lowpassFilterWidth": 16, "rolloff": 0.85}),
        (5, 4, {"resamplingMethod": "sincInterpKaiser"}), (4, 5, {"resamplingMethod": "sincInterpKaiser", "beta": 8.5, "lowpassFilterWidth": 3}), (7, 7, {}),
    ]:
        snake = {}
        if "lowpassFilterWidth" in o: snake["lowpass_filter_width"] = o["lowpassFilterWidth"]
        if "rolloff" in o: snake["rolloff"] = o["rolloff"]
        if "beta" in o: snake["beta"] = o["beta"]
        if o.get("resamplingMethod") == "sincInterpKaiser": snake["resampling_method"] = "kaiser_window"
        yield {"name": "resample: %d to %d %s" % (orig, new, o), "x": x, "orig": orig, "new": new, "o": o,
               "out": F.resample(x, orig, new, **snake)}
    y = signal(2, 120, seed=1)
    for o, snake in [
        ({"nFft": 32}, {}), ({"nFft": 33, "hopLength": 7, "winLength": 20}, {}), ({"nFft": 32, "power": 1}, {}),
        ({"nFft": 32, "power": None}, {}), ({"nFft": 32, "power": 1.5, "pad": 5}, {}), ({"nFft": 32, "center": False}, {}),
        ({"nFft": 32, "normalized": True}, {}), ({"nFft": 32, "normalized": "frameLength"}, {"normalized": "frame_length"}),
        ({"nFft": 32, "padMode": "constant", "onesided": False}, {}), ({"nFft": 24, "hopLength": 24, "padMode": "circular"}, {}),
        ({"nFft": 32, "window": "hamming"}, {}),
    ]:
        names = {"nFft": "n_fft", "hopLength": "hop_length", "winLength": "win_length", "padMode": "pad_mode"}
        args = {names.get(k, k): v for k, v in o.items()}
        args.update(snake)
        n = args["n_fft"]
        win = args.pop("win_length", n)
        hop = args.pop("hop_length", win // 2)
        window = WINDOWS[args.pop("window", "hann")](win)
        full = {"pad": 0, "power": 2.0, "normalized": False, **args}
        z = y.clone().requires_grad_()
        out = F.spectrogram(z, window=window, win_length=win, hop_length=hop, **full)
        real = pairs(out) if out.is_complex() else out
        real.pow(2).sum().backward()
        case = {"name": "spectrogram: %s" % o, "x": y, "o": {k: v for k, v in o.items()}, "out": real.detach(), "grad": z.grad}
        if out.is_complex():
            case["back"] = F.inverse_spectrogram(out.detach(), 120, 0, window, n, hop, win, False)
        yield case
    for i, args in enumerate([
        (17, 0.0, 4000.0, 8, 8000, None, "htk"), (65, 100.0, 3800.0, 10, 8000, "slaney", "htk"),
        (129, 0.0, 8000.0, 23, 16000, "slaney", "slaney"), (33, 20.0, 5000.0, 5, 22050, None, "slaney"),
    ]):
        yield {"name": "filters: %d" % i, "args": list(args[:5]), "o": {"norm": args[5], "melScale": args[6]},
               "out": F.melscale_fbanks(*args)}
    s = F.spectrogram(y, 0, torch.hann_window(32), 32, 16, 32, 2.0, False)
    s = torch.round(s * 1000) / 1000
    for o in [{}, {"topDb": 20.0}, {"multiplier": 20.0, "amin": 1e-3, "dbMultiplier": 0.5}, {"topDb": 10.0}]:
        yield {"name": "decibels: %s" % o, "x": s, "o": o,
               "out": F.amplitude_to_DB(s, o.get("multiplier", 10.0), o.get("amin", 1e-10), o.get("dbMultiplier", 0.0), o.get("topDb"))}
    four = torch.stack([s, s * 100]).unsqueeze(1).reshape(2, 2, *s.shape[-2:])
    yield {"name": "decibels: batch", "x": four, "o": {"topDb": 15.0}, "out": F.amplitude_to_DB(four, 10.0, 1e-10, 0.0, 15.0)}
    yield {"name": "amplitudes", "x": torch.tensor([0.0, 3.0, -20.0, 7.5]), "out": F.DB_to_amplitude(torch.tensor([0.0, 3.0, -20.0, 7.5]), 2.0, 0.5)}
    for n, m, norm in [(5, 8, "ortho"), (8, 8, None), (1, 3, "ortho")]:
        yield {"name": "dct: %d %d %s" % (n, m, norm), "args": [n, m, norm], "out": F.create_dct(n, m, norm).contiguous()}
    for o, snake in [({}, {}), ({"winLength": 3}, {"win_length": 3}), ({"winLength": 6, "mode": "constant"}, {"win_length": 6, "mode": "constant"})]:
        yield {"name": "deltas: %s" % o, "x": s, "o": o, "out": F.compute_deltas(s, **snake)}
    long = signal(2, 900, seed=2)
    yield {"name": "layer: MelSpectrogram", "x": long, "o": {"sampleRate": 8000, "nFft": 128, "nMels": 20, "hopLength": 50, "fMin": 50, "norm": "slaney", "melScale": "slaney"},
           "out": T.MelSpectrogram(8000, n_fft=128, n_mels=20, hop_length=50, f_min=50.0, norm="slaney", mel_scale="slaney")(long)}
    for logs in (False, True):
        yield {"name": "layer: MFCC", "x": long, "o": {"sampleRate": 8000, "nMfcc": 13, "logMels": logs, "melkwargs": {"nFft": 200, "nMels": 23, "hopLength": 80}},
               "out": T.MFCC(8000, n_mfcc=13, log_mels=logs, melkwargs={"n_fft": 200, "n_mels": 23, "hop_length": 80})(long)}
    z = F.spectrogram(y, 0, torch.hann_window(32), 32, 16, 32, None, False)
    z = torch.round(torch.view_as_real(z) * 1000) / 1000
    for rate in (1.3, 0.8, 2.0):
        out = F.phase_vocoder(torch.view_as_complex(z), rate, torch.linspace(0, math.pi * 16, 17)[..., None])
        yield {"name": "vocoder: %g" % rate, "x": z, "rate": rate, "out": pairs(out.reshape(*z.shape[:2], -1))}
    for momentum, n in ((0.0, 3), (0.99, 8)):
        yield {"name": "griffinLim: %g" % momentum, "x": s, "o": {"nFft": 32, "hopLength": 16, "nIter": n, "momentum": momentum, "randInit": False, "power": 2, "length": 115},
               "out": F.griffinlim(s, torch.hann_window(32), 32, 16, 32, 2.0, n, momentum, 115, False)}
    yield {"name": "gain", "x": y, "out": F.gain(y, 6.0)}
