model M
observed x ~ Normal(0, sd=1))
param mu : real
