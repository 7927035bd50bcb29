model Types
plate n in N
param p : simplex
observed x[n] ~ Categorical(p)
