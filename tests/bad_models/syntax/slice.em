model M
plate n in N, k in K
observed x[n] ~ Categorical(A[:, z[n]])
