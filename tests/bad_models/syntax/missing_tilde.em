model M
plate n in N
latent z[n] Categorical([1/2, 1/2])
