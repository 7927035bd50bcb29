model M
plate n in N, k in K
given X[n, k] : real
