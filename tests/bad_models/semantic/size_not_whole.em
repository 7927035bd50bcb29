model Size(K = 2.5)
plate n in N
param w : simplex[K]
observed x[n] ~ Categorical(w)
