model Sample
plate n in N
param mu : real ~ Uniform(0, 10)
observed y[n] ~ Normal(mu, sd=1)
