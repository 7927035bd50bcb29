model M(K = N)
plate k in K
