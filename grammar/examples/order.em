model M
plate k in 3
param mu[k] : real
order mu by k
