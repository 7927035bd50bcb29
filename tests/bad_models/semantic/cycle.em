model Circle
plate n in N
latent a[n] ~ Normal(b[n], sd=1)
latent b[n] ~ Normal(a[n], sd=1)
observed x[n] ~ Normal(a[n], sd=1)
