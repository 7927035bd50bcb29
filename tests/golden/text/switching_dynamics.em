model SwitchingDynamics(K = 2)
plate s in S, k in K
time t in T
param start : simplex[K]
param A[k] : simplex[K]
param a[k] : real
param q[k] : positive
latent z[s, 0] ~ Categorical(start)
latent z[s, t] ~ Categorical(A[z[s, t-1]])
latent x[s, 0] ~ Normal(0, var=1)
latent x[s, t] ~ Normal(a[z[s, t]]*x[s, t-1], var=q[z[s, t]])
observed y[s, t] ~ Normal(x[s, t], var=0.5)
