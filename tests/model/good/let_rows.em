model LetRows
plate k in 2
time t in T
param a[k] : unit
let A[k] = [a[k], 1-a[k]]
param mu[k] : real
latent z[0] ~ Categorical(stationary(A))
latent z[t] ~ Categorical(A[z[t-1]])
observed y[t] ~ Normal(mu[z[t]], sd=1)
