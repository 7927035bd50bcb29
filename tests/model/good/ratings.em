model Ratings
plate i in I, j in J
param u[i] : real[H] ~ MvNormal(0, cov=eye(H))
param v[j] : real[H] ~ MvNormal(0, cov=eye(H))
observed r[i, j] missing ~ Normal(dot(u[i], v[j]), sd=1)
