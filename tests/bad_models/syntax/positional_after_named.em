model M
observed x ~ Normal(sd=1, 0)
