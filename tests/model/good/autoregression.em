model Autoregression
time t in T
param phi : real[2]
observed y[0] ~ Normal(0, sd=1)
observed y[1] ~ Normal(0, sd=1)
observed y[t] ~ Normal(phi @ [y[t-1], y[t-2]], sd=1)
