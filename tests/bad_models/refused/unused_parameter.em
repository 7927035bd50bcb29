model M()
plate n in N
param m : real
param unused : real
observed y[n] ~ Normal(m, var=1)
