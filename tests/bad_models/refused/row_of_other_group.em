model M()
plate s in S
plate i in I[s]
given other[s] : index[S]
given x[s, i] : real
param v : positive
latent a[s] ~ Categorical(ones(I[s]) / I[s])
observed y[s] ~ Normal(x[other[s], a[s]], var=v)
