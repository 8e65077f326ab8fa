"""Makes the golden numbers from PyTorch: python3 tests/golden/make.py [--check] [TOPIC ...]

Each topic is a file topics/TOPIC.py with a function cases() that yields dictionaries, each with a "name".
--check writes nothing and exits with 1 when a kept file is not what its generator gives.
"""
import importlib
import os
import sys

import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import common  # noqa: E402

torch.set_num_threads(1)
arguments = [a for a in sys.argv[1:] if a != "--check"]
check = "--check" in sys.argv[1:]
topics = arguments or sorted(
    f[:-3] for f in os.listdir(os.path.join(common.HERE, "topics")) if f.endswith(".py")
)
wrong = 0
for topic in topics:
    cases = list(importlib.import_module("topics." + topic).cases())
    if check:
        found = common.differences(topic, cases)
        wrong += len(found) > 0
        print("%s %s: %d cases" % ("DIFFERS" if found else "same", topic, len(cases)))
        for line in found[:5]:
            print("  " + line)
    else:
        common.write(topic, cases)
        print("%s: %d cases" % (topic, len(cases)))
sys.exit(1 if wrong else 0)
