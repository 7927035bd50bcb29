model SwitchByItem
plate r in R, i in I
given item[r] : index[I]
latent s[i] ~ Bernoulli(0.5)
observed y[r] ~ switch(s[item[r]], Normal(0, sd=1), Normal(0, sd=10))
