model M
param mu : real
observed x ~ Normal(mu, sd=1)
