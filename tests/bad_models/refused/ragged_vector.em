model M()
plate s in S
plate i in I[s]
given x[s, i] : real
param v : positive
observed y[s] ~ MvNormal(x[s], cov=v * eye(I[s]))
