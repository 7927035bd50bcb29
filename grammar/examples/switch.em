model M
param p : unit
latent s ~ Bernoulli(p)
observed x ~ switch(s, Normal(0, sd=1), StudentT(3, 0, scale=2))
