model Alleles
plate i in I
param p : unit
let q = 1 - p
observed g[i] ~ Categorical([p*p, p*q, q*q])
