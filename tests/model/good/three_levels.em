model ThreeLevels
plate d in D, s in S[d], i in W[d, s]
param mu[d] : real
observed x[d, s, i] ~ Normal(mu[d], sd=1)
