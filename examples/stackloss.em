# No latents: a linear regression, whose M-step is least squares.
model StackLoss()
plate n in N
given x[n]      : real[P]
param intercept : real
param slope     : real[P]
param var       : positive
observed loss[n] ~ Normal(intercept + x[n] @ slope, var=var)
