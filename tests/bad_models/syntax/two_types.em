model M
time t in T
latent z[0] : real ~ Normal(0, sd=1)
latent z[t] : positive ~ Gamma(1, rate=1)
