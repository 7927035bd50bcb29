model M
param v : positive
observed x ~ Normal(0, var=v)
