model Ragged
plate s in S, i in I[s]
param b : real
given x[s, i] : real
latent z[s] ~ Categorical(ones(I[s])/I[s])
observed y[s, i] ~ Normal(b*x[s, i], sd=1)
