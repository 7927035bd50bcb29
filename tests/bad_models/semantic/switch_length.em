model Mixture(H = 3)
plate n in N, k in 3
param pi : simplex[3]
param mu[k] : real
param s : positive
latent z[n] ~ Categorical(pi)
observed x[n] ~ switch(z[n], Normal(0, sd=1), Normal(1, sd=1))
