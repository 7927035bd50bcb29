model Dosage
plate n in N
param q : unit
param b : real
latent g[n] : index[3] ~ Binomial(3, q)
observed y[n] ~ Normal(b*g[n], sd=1)
