model Mixed
plate n in N
param m : real[D]
latent s[n] ~ Bernoulli(0.5)
observed x[n] ~ switch(s[n], MvNormal(m, cov=eye(D)), Normal(0, sd=1))
