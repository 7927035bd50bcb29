model VectorState
plate s in S
time t in T
given H : real[3, 2]
param F : real[2, 2]
param Q : cov[2] ~ InvWishart(5, scale=eye(2))
param r : positive[3]
latent x[s, 0] ~ MvNormal(0, cov=eye(2))
latent x[s, t] ~ MvNormal(F @ x[s, t-1], cov=Q)
observed y[s, t] missing ~ MvNormal(H @ x[s, t], cov=diag(r))
