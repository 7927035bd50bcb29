model Indexed(alpha = 1)
plate n in N
observed x[n] ~ Normal(alpha[n], sd=1)
