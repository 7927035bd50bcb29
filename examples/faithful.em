# Eruptions of the Old Faithful geyser: short ones after a short wait, long ones after a long wait.
model Faithful(K = 2)
plate n in N, k in K
param share : simplex[K]
param eruption_mean[k] : real
param eruption_var[k] : positive
param waiting_mean[k] : real
param waiting_var[k] : positive
latent kind[n] ~ Categorical(share)
observed eruptions[n] ~ Normal(eruption_mean[kind[n]], var=eruption_var[kind[n]])
observed waiting[n] ~ Normal(waiting_mean[kind[n]], var=waiting_var[kind[n]])
order eruption_mean by k
