model M
plate n in N
parm sigma : positive
observed x[n] ~ Normal(0, sd=sigma)
