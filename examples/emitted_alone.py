"""The emitted module without emdsl: EM over blocks of rows, whose statistics add up.

Usage: emdsl emit faithful.em --set K=2 -o MODULE.py; python emitted_alone.py MODULE.py

No more than one block is looked at at a time, so it could come from a disk, or from another machine.
"""

import runpy
import sys
from pathlib import Path

import numpy as np

sys.modules["emdsl"] = None  # type: ignore[assignment]  # from here on `import emdsl` raises ImportError


def main(module_path: str, n_blocks: int = 4, steps: int = 50) -> None:
    module = runpy.run_path(module_path)
    table = np.loadtxt(Path(__file__).with_name("faithful.csv"), delimiter=",", skiprows=1)
    blocks = [{"eruptions": rows[:, 0], "waiting": rows[:, 1]} for rows in np.array_split(table, n_blocks)]
    params = module["initialise"](blocks[0], np.random.default_rng(0))
    for _ in range(steps):
        parts = [module["e_step"](block, params) for block in blocks]
        statistics = {name: sum(part[0][name] for part in parts) for name in parts[0][0]}
        log_likelihood = sum(part[1] for part in parts)
        params = module["m_step"](statistics, params)
    print(f"log likelihood {log_likelihood:.6f}")
    for name, value in module["estimates"](params).items():
        print(f"{name:16s} {np.array2string(np.asarray(value), precision=5)}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
