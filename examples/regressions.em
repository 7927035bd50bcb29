# A mixture of two straight lines with one residual variance: two ways in which musicians tune a tone.
model Regressions(K = 2)
plate n in N, k in K
given stretchratio[n] : real
param share        : simplex[K]
param intercept[k] : real
param slope[k]     : real
param var          : positive
latent way[n]      ~ Categorical(share)
observed tuned[n]  ~ Normal(intercept[way[n]] + slope[way[n]] * stretchratio[n], var=var)
order slope by k
