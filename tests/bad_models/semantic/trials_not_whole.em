model Trials
plate n in N
param p : unit
observed x[n] ~ Binomial(2.5, p)
