model Foreign
plate n in N
dist Decay(y : positive | b : positive) = log(b) - b * y
observed x[n] ~ Decay()
