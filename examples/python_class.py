"""The Python front end: latent classes of the hair and eye colours, declared as a class and fitted with weights.

Usage: python python_class.py
"""

from pathlib import Path

import numpy as np

from emdsl import Categorical, Model, latent, observed, param, plate, simplex, size

TABLE = np.loadtxt(Path(__file__).with_name("haireye.csv"), delimiter=",", skiprows=1).astype(int)


class LatentClasses(Model):
    K, N = size(2), size()
    n, k = plate(N), plate(K)
    share = param(simplex[K])
    hairs = param[k](simplex[4])
    eyes = param[k](simplex[4])
    group = latent[n](Categorical(share))
    hair = observed[n](Categorical(hairs[group[n]]))
    eye = observed[n](Categorical(eyes[group[n]]))


def main() -> None:
    hair, eye, _, count = TABLE.T
    model = LatentClasses(K=2)
    print(model.plan)
    fit = model.fit(hair=hair, eye=eye, weights={"n": count}, accelerate="squarem")
    print(f"log likelihood {fit.log_likelihood:.4f}")
    print("eyes, by class (brown, blue, hazel, green):")
    print(np.round(fit.params["eyes"], 3))
    blond_and_blue = np.flatnonzero((hair == 3) & (eye == 1))[0]
    print("a blond, blue-eyed person is of class", fit.posterior["group"].mode[blond_and_blue])


if __name__ == "__main__":
    main()
