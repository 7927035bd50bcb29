model Literals
plate n in N
param M : real[D, D]
observed x[n] ~ MvNormal(0, cov=diag([1, 2, 3]))
observed z[n] ~ MvNormal([0, 0], cov=[[2, 1], [1, 2]])
