model M
plate n in N
let eta[n] ~ Normal(0, sd=1)
