model NormalGamma(a0 = 1, b0 = 1)
plate n in N
param tau : positive ~ Gamma(a0, rate=b0)
param mu : real ~ Normal(0, prec=tau)
observed y[n] ~ Normal(mu, prec=tau)
