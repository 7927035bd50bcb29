model M
plate n in N
observed x[n] ~ Normal(mu, sd=1
param mu : real
