"""PyTorch's side of translation.mjs: trains the encoder-decoder of torch_language.py on the batches it is given, and translates."""
import json
import sys
import time

import torch
from torch.nn import functional as F

from torch_language import Transformer

PAD, START, END, MULTIPLE = 0, 1, 2, 16
folder = sys.argv[1]
with open(f"{folder}/work.json") as f:
    work = json.load(f)
torch.manual_seed(1)
width, (source, target) = work["width"], work["sizes"]
model = Transformer(width, max(1, width // 32), work["layers"], 4 * width, target, work["length"], source=source)


def rows(lists, fill):
    longest = -(-max(map(len, lists)) // MULTIPLE) * MULTIPLE
    return torch.tensor([ids + [fill] * (longest - len(ids)) for ids in lists])


def loss_of(pairs):
    src = rows([[START, *a, END] for a, _ in pairs], PAD)
    tgt = rows([[START, *b] for _, b in pairs], PAD)
    labels = rows([[*b, END] for _, b in pairs], -100)
    seen = (src != PAD)[:, None, None]
    logits = model.decode(model.keys(model.encode(src, seen)), tgt, seen=seen)
    return F.cross_entropy(logits.reshape(-1, target), labels.reshape(-1), label_smoothing=0.1)


def mean(batches, pairs, step):
    total = count = 0
    for batch in batches:
        total += step([pairs[i] for i in batch]) * len(batch)
        count += len(batch)
    return total / count


steps = sum(map(len, work["order"]))
warmup = max(1, min(400, steps / 10))
update = torch.optim.Adam(model.parameters(), lr=work["lr"], betas=(0.9, 0.98), eps=1e-9)
schedule = torch.optim.lr_scheduler.LambdaLR(update, lambda i: min((i + 1) / warmup, (warmup / (i + 1)) ** 0.5))


def learn(pairs):
    update.zero_grad()
    loss = loss_of(pairs)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1)
    update.step()
    schedule.step()
    return loss.item()


@torch.no_grad()
def check(pairs):
    return loss_of(pairs).item()


@torch.no_grad()
def translate(pairs):
    src = rows([[START, *a, END] for a, _ in pairs], PAD)
    seen = (src != PAD)[:, None, None]
    read = model.keys(model.encode(src, seen))
    text = torch.full((len(pairs), 1), START)
    over = torch.zeros(len(pairs), dtype=torch.bool)
    while text.shape[1] < work["length"] and not over.all():
        ids = model.decode(read, text, seen=seen)[:, -1].argmax(-1).masked_fill(over, END)
        over |= ids == END
        text = torch.cat([text, ids[:, None]], 1)
    lists = text[:, 1:].tolist()
    return [ids[: ids.index(END)] if END in ids else ids for ids in lists]


losses, start = [], time.time()
for batches in work["order"]:
    model.train()
    loss = mean(batches, work["train"], learn)
    model.eval()
    losses.append([loss, mean(work["checks"], work["test"], check)])
    print(f"PyTorch, epoch {len(losses)}: {losses[-1]}, {time.time() - start:.0f} s", flush=True)
some = work["test"][: work["translated"]]
said = [ids for i in range(0, len(some), 50) for ids in translate(some[i : i + 50])]
with open(f"{folder}/done.json", "w") as f:
    json.dump({"losses": losses, "said": said}, f)
