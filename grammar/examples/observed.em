model M
plate n in N
param mu : real
observed x[n] : real missing ~ Normal(mu, sd=1)
observed y[n] missing ~ Normal(mu, sd=2)
observed w[n] ~ Normal(mu, sd=3)
