model CountVectors
plate i in I, k in K
given m[i] : count
param phi[k] : simplex[V]
param pi : simplex[K]
latent z[i] ~ Categorical(pi)
observed x[i] ~ Multinomial(m[i], phi[z[i]])
