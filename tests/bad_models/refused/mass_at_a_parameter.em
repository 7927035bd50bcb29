model M()
plate n in N
param b : real
observed y[n] ~ PointMass(b)
