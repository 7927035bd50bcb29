model M
param mu : real
observed x ~ Normal(mu, sd=1) truncated(0, inf)
observed y ~ Poisson(2) censored(0, 5)
