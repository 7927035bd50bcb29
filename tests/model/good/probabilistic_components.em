model ProbabilisticComponents(H = 2)
plate n in N
param W : real[D, H]
param m : real[D]
param s : positive
latent z[n] ~ MvNormal(zeros(H), cov=eye(H))
observed x[n] ~ MvNormal(W @ z[n] + m, cov=s*eye(D))
