model Parts
plate n in N, j in J
param w[j] : positive
observed x[n] ~ Poisson(w[j])
