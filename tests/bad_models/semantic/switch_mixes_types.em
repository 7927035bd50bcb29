model Mixed
plate n in N
latent s[n] ~ Bernoulli(0.5)
observed x[n] ~ switch(s[n], Normal(0, sd=1), Poisson(1))
