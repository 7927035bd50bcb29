model Sizes
plate n in N
observed x[n] ~ Dirichlet(0.1)
