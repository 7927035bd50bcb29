# Two Poisson laws mixed; each row of the table is a number of deaths, seen on as many days as its weight says.
model LondonDeaths(K = 2)
plate n in N, k in K
param share      : simplex[K]
param rate[k]    : positive
latent season[n] ~ Categorical(share)
observed deaths[n] ~ Poisson(rate[season[n]])
order rate by k
