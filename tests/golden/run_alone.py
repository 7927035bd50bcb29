"""Runs an emitted module in a process where emdsl cannot be imported.

Usage: python run_alone.py MODULE.py DATA.pickle RESULT.pickle

Fifteen steps from the first start of `random_state=0`; the result is (estimates, history).
"""

import pickle
import runpy
import sys

sys.modules["emdsl"] = None  # type: ignore[assignment]  # from here on `import emdsl` raises ImportError

import numpy as np  # noqa: E402  (what follows must see emdsl gone)


def main(module_path: str, data_path: str, result_path: str) -> None:
    module = runpy.run_path(module_path)
    with open(data_path, "rb") as file:
        data = pickle.load(file)
    if "RESUMED" in module:  # coordinate ascent goes on from where the start leaves it
        data[module["RESUMED"]] = {"seed": 0}
    rng = np.random.default_rng(np.random.SeedSequence(0).spawn(1)[0])
    params, history = module["fit"](data, module["initialise"](data, rng), 15, 0.0)
    with open(result_path, "wb") as file:
        pickle.dump((module["estimates"](params), history), file)


if __name__ == "__main__":
    main(*sys.argv[1:])
