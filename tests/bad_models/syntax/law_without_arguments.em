model M
latent u ~ Uniform
observed x ~ Normal(u, sd=1)
