model ItemResponse
plate i in I, j in J
param a[j] : positive
param b[j] : real
latent theta[i] ~ Normal(0, sd=1)
observed y[i, j] ~ Bernoulli(logit=a[j]*(theta[i]-b[j]))
