model Sample
plate n in N
param b : real
given x[n] : real
observed y[n] ~ Bernoulli(sigmoid(b * x[n]))
