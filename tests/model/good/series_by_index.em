model SeriesByIndex
plate g in G
time t in T
plate r in R
given grp[r] : index[G]
given when[r] : index[T]
latent f[g, 0] ~ Normal(0, sd=1)
latent f[g, t] ~ Normal(f[g, t-1], sd=1)
observed y[r] ~ Normal(f[grp[r], when[r]], sd=1)
