model M
plate n in N, k in K
