model LatentTopics(K = 2)
plate d in D, k in K, i in I
given doc[i] : index[D]
param alpha[k] : positive
param phi[k] : simplex[V]
latent theta[d] ~ Dirichlet(alpha)
latent z[i] ~ Categorical(theta[doc[i]])
observed w[i] ~ Categorical(phi[z[i]])
