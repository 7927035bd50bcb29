model Factorisation
plate n in N, m in M
param a[n] : positive[K]
param b[m] : positive[K]
observed y[n, m] ~ Poisson(a[n] @ b[m])
