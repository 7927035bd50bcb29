model ScalarDensity
plate n in N
dist Cauchy(y : real | m : real) = -log(1 + (y-m)**2) - log(3.141592653589793)
param m : real
observed x[n] ~ Cauchy(m)
