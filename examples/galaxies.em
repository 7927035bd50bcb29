# A mixture with priors: MAP under em; under vb a posterior for every parameter, mean and precision jointly Normal-Gamma.
model Galaxies(K = 6)
plate n in N, k in K
param share       : simplex[K] ~ Dirichlet(1)
param prec[k]     : positive   ~ Gamma(2, rate=1)
param mean[k]     : real       ~ Normal(20, prec=0.05 * prec[k])
latent cluster[n] ~ Categorical(share)
observed velocity[n] ~ Normal(mean[cluster[n]], prec=prec[cluster[n]])
order mean by k
