model M
plate n in N
param q : unit
param m : real
given d[n] : count
latent z[n] ~ Bernoulli(q)
observed y[n] ~ switch(min(d[n], 1), Normal(m + z[n], sd=1), Normal(0, sd=2))
