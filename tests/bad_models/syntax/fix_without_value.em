model M
plate k in K
param mu[k] : real
fix mu[0]
order mu by k
