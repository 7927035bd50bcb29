model M
observed x ~ Normal(0, sd=exp(1)
