model Alleles
plate i in I, k in K
param p[k] : unit
let f[k] = [p[k], p[k] / 2, 1 - p[k]]
observed g[i, k] ~ Categorical(f[k])
