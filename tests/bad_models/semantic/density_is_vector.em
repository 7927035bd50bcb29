model Foreign
plate n in N
dist Decay(y : positive[D] | b : positive) = log(b) - b * y
param a : positive
observed x[n] ~ Decay(a)
