"""Runs an emitted module in a process where emdsl cannot be imported.

Usage: python run_alone.py MODULE.py DATA.csv RESULT.json

The best of ten random starts is written to RESULT.json, as {"log_likelihood": …, "params": {name: list}}.
"""

import json
import runpy
import sys

sys.modules["emdsl"] = None  # type: ignore[assignment]  # from here on `import emdsl` raises ImportError

import numpy as np  # noqa: E402  (what follows must see emdsl gone)


def main(module_path: str, data_path: str, result_path: str) -> None:
    module = runpy.run_path(module_path)
    columns = np.genfromtxt(data_path, delimiter=",", names=True)
    data = {name: np.ascontiguousarray(columns[name]) for name in columns.dtype.names}
    fits = []
    for seed in range(10):
        start = module["initialise"](data, np.random.default_rng(seed))
        params, _ = module["fit"](data, start, max_iter=1000, tol=1e-10)
        fits.append((module["e_step"](data, params)[1], params))
    log_likelihood, params = max(fits, key=lambda fit: fit[0])
    estimates = module["estimates"](params)
    print(f"log likelihood {log_likelihood:.6f}")
    for name, value in estimates.items():
        print(f"{name:16s} {np.array2string(np.asarray(value), precision=5)}")
    with open(result_path, "w", encoding="utf-8") as file:
        json.dump(
            {
                "log_likelihood": float(log_likelihood),
                "params": {name: np.asarray(value).tolist() for name, value in estimates.items()},
            },
            file,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
