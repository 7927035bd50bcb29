model LinearDynamics
plate s in S
time t in T[s]
param A : real
param b : real
given u[s, t] : real
latent x[s, 0] ~ Normal(0, sd=1)
latent x[s, t] ~ Normal(A*x[s, t-1] + b*u[s, t-1], sd=1)
observed y[s, t] missing ~ Normal(x[s, t], sd=1)
