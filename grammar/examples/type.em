model M
param Sigma : cov[D]
