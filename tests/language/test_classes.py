"""A class and its text give equal models; mistakes name the attribute."""

from __future__ import annotations

from emdsl.language.classes import Declaration as Model
from emdsl.language.declarations import *  # noqa: F403
from emdsl.language.vocabulary import *  # noqa: F403
from emdsl.language.text import parse

class PoissonHMM(Model):
    K, S, T = size(2), size(), size()
    s, k    = plate(S), plate(K)
    t       = time(T[s])
    start   = param(simplex[K])
    A       = param[k](simplex[K])
    rate    = param[k](positive)
    z       = latent[s, t]()
    z[s, 0] = Categorical(start)
    z[s, t] = Categorical(A[z[s, t-1]])
    y       = observed[s, t](Poisson(rate[z[s, t]]))

T='''
model PoissonHMM(K = 2)
plate s in S, k in K
time  t in T[s]                          # ragged: every sequence has its own length
param  start   : simplex[K]
param  A[k]    : simplex[K]
param  rate[k] : positive
latent   z[s, 0] ~ Categorical(start)
latent   z[s, t] ~ Categorical(A[z[s, t-1]])
observed y[s, t] ~ Poisson(rate[z[s, t]])
'''
def test():
    assert PoissonHMM.declared()==parse(T)
    class M(Model):
        alpha = const(0.1)
        N, D = size(), size()
        n = plate(N)
        @dist
        def Gumbel(y: real, m: real, b: positive):
            return -(y - m) / b - exp(-(y - m) / b) - log(b)
        mu = param(real[D], MvNormal(0, cov=alpha*eye(D)))
        s = param(positive)
        x = observed[n](Gumbel(mu[0], s).truncated(0, inf), missing=True)
        fix(mu[0], -1)
        factorise(mu, (s, mu))
        order(mu, n)
    print(M.declared())
    from emdsl.language.printer import to_text
    print(to_text(M.declared()))
    assert parse(to_text(M.declared()))==M.declared()
