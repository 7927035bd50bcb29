model RobustScale
plate n in N
param mu : real
param nu : positive
observed x[n] ~ StudentT(nu, mu, scale=exp(mu))
