model Bags
plate s in S
plate i in I[s]
param w : simplex[I]
observed y[s, i] ~ Categorical(w)
