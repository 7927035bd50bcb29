model Trials
plate i in I
given n[i] : count
param p : unit
observed y[i] ~ Binomial(n[i], p)
