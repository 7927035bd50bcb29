model M()
time t in T
param a : real
param b : real
param q : positive
latent x[0] : real[2] ~ MvNormal(0, cov=eye(2))
latent x[t] ~ MvNormal([[a, b], [1, 0]] @ x[t-1], cov=diag([q, 0]))
observed y[t] ~ Normal(x[t, 0], var=1)
