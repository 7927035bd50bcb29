model Foreign
plate n in N
param a : positive
dist Decay(y : positive | b : positive) = log(a) - a * y
observed x[n] ~ Decay(a)
