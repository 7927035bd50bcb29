model M
param mu[k] : real
plate k in 3
fix mu[0] = 0
