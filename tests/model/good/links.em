model Links
plate n in N
param b : real[P]
given X[n] : real[P]
observed y[n] ~ Bernoulli(Phi(X[n] @ b))
observed z[n] ~ Bernoulli(logistic(X[n] @ b))
