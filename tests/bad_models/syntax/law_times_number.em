model M
observed x ~ 2*Normal(0, sd=1)
