# A hidden Markov chain: yearly counts whose rate is that of the state of the year.
model Earthquakes(K = 2)
plate k in K
time t in T
param start   : simplex[K]
param A[k]    : simplex[K]
param rate[k] : positive
latent z[0] ~ Categorical(start)
latent z[t] ~ Categorical(A[z[t-1]])
observed quakes[t] ~ Poisson(rate[z[t]])
order rate by k
