model VectorDensity
plate n in N
dist Rows(y : real[D] | m : real[D], s : positive) = -sum((y-m)**2)/2/s - D/2*log(2*3.14159*s)
param mu : real[D]
observed x[n] ~ Rows(mu, s=2)
