model RankOnePlusDiagonal
plate n in N
param v : real[D]
param psi : positive[D]
observed x[n] ~ MvNormal(0, cov=outer(v, v) + diag(psi))
