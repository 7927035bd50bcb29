model M()
plate g in G
plate s in S[g]
time t in T[s]
param rate : positive
observed y[g, s, t] ~ Poisson(rate)
