model GivenSwitch
plate n in N
given g[n] : index[3]
param s : positive
observed y[n] ~ switch(g[n], Normal(0, sd=s), Laplace(0, scale=s), StudentT(df, 0, scale=s))
param df : positive
