model M
plate k in K
param mu[k] real[D]
