model Outcomes
plate s in S, k in 2
time t in T[s]
given last[s] : count
param q[k] : unit
latent z[s, 0] ~ Bernoulli(0.5)
latent z[s, t] ~ Bernoulli(q[z[s, t-1]])
observed o[s] ~ Bernoulli(q[z[s, last[s]]])
